// The engine room: activations of the whole sample and the scores of one head, kept up to date edit by edit.
import { decoded } from "./base64";
import { Leaders } from "./leaders";
import type { Answer, Request, Setup } from "./protocol";

let setup: Setup;
let blocks: Uint16Array[] = [];
let logits: Float32Array | Float64Array = new Float32Array(0);
/** The weights that the scores stand for now, where they differ from the head's. */
let edits = new Map<number, number>();
let base = new Map<number, number>();
let leaders: Leaders | undefined;

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage: (answer: Answer, transfer: Transferable[]) => void;
};

scope.onmessage = ({ data }) => {
  switch (data.t) {
    case "setup":
      setup = data;
      blocks = [];
      return;
    case "block":
      blocks[data.number] = new Uint16Array(decoded(data.chunks));
      return;
    case "head":
      score(data);
      return reply(data.id);
    case "edit":
      edit(data);
      return reply(data.id);
    case "column":
      return send(data.id, column(data.place, new Float32Array(setup.n)));
    case "row":
      return send(data.id, row(data.i));
  }
};

function column<T extends Float32Array | Float64Array>(place: number, out: T): T {
  const { n, perBlock, low, step } = setup;
  const q = blocks[Math.floor(place / perBlock)];
  const from = (place % perBlock) * n;
  for (let i = 0; i < n; i++) out[i] = low[place] + step[place] * q[from + i];
  return out;
}

function row(i: number): Float32Array {
  const { n, perBlock, low, step } = setup;
  const out = new Float32Array(low.length);
  for (let j = 0; j < out.length; j++)
    out[j] = low[j] + step[j] * blocks[Math.floor(j / perBlock)][(j % perBlock) * n + i];
  return out;
}

/** All scores of a head, feature by feature; classes lie one after another, so inner loops are contiguous. */
function score(head: Extract<Request, { t: "head" }>): void {
  const { n, k } = setup;
  const size = n * k;
  if (logits.length !== size) logits = size <= 4e6 ? new Float64Array(size) : new Float32Array(size);
  for (let c = 0; c < k; c++) logits.fill(head.intercept[c], c * n, (c + 1) * n);
  base = new Map();
  edits = new Map();
  leaders = undefined;
  const z = new Float64Array(n);
  let loaded = -1;
  for (let e = 0; e < head.weight.length; e++) {
    const place = head.feature[e];
    if (place !== loaded) {
      column(place, z);
      loaded = place;
    }
    base.set(place * k + head.column[e], head.weight[e]);
    add(head.column[e], head.weight[e], z);
  }
}

function add(c: number, weight: number, z: Float64Array): void {
  const n = setup.n;
  const target = logits.subarray(c * n, (c + 1) * n);
  for (let i = 0; i < n; i++) target[i] += weight * z[i];
}

/** Bring the scores from the edits they stand for to the ones asked for; only what differs is touched. */
function edit(request: Extract<Request, { t: "edit" }>): void {
  const { k, n } = setup;
  const next = new Map<number, number>();
  for (let e = 0; e < request.place.length; e++)
    next.set(request.place[e] * k + request.column[e], request.weight[e]);
  const now = (key: number) => edits.get(key) ?? base.get(key) ?? 0;
  const changed = [...new Set([...edits.keys(), ...next.keys()])]
    .map((key) => [key, (next.get(key) ?? base.get(key) ?? 0) - now(key)])
    .filter(([, delta]) => delta !== 0)
    .sort((a, b) => a[0] - b[0]);
  const z = new Float64Array(n);
  let loaded = -1;
  for (const [key, delta] of changed) {
    const place = Math.floor(key / k);
    if (place !== loaded) {
      column(place, z);
      loaded = place;
    }
    add(key % k, delta, z);
  }
  edits = next;
  leaders?.follow(logits, [...new Set(changed.map(([key]) => key % k))]);
}

function reply(id: number): void {
  const { n, k, many } = setup;
  if (many) {
    const best = new Int32Array(n);
    const bits = new Uint8Array(n * k);
    best.fill(-1);
    for (let c = k - 1; c >= 0; c--)
      for (let i = 0; i < n; i++)
        if (logits[c * n + i] > 0) {
          bits[i * k + c] = 1;
          best[i] = c;
        }
    scope.postMessage({ id, predicted: best, bits }, [best.buffer, bits.buffer]);
    return;
  }
  leaders ??= new Leaders(logits, n, k);
  const { best: predicted, margin } = leaders.answer();
  scope.postMessage({ id, predicted, margin }, [predicted.buffer, margin.buffer]);
}

function send(id: number, values: Float32Array): void {
  scope.postMessage({ id, values }, [values.buffer]);
}
