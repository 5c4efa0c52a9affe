// Shards arrive as classic scripts that push themselves; this puts them together and hands out groups as signals.
import { signal, type Signal } from "@preact/signals";
import { decoded } from "./base64";

type Piece = [key: string, kind: "a" | "l" | "v", value: unknown];
type Push = [group: string, part: number, pieces: Piece[]];
export type Payload = Record<string, unknown>;

interface Queue {
  push: (item: Push) => unknown;
}
declare global {
  interface Window {
    clearhead?: Push[] | Queue;
    clearheadListing?: Record<string, number>;
  }
}

const arrived = new Map<string, Piece[][]>();
const joined = new Map<string, Signal<Payload | undefined>>();
const complete = new Map<string, Signal<boolean>>();
const asked = new Set<string>();
export const failed = signal<string[]>([]);

function listing(): Record<string, number> {
  return window.clearheadListing ?? {};
}

export function has(name: string): boolean {
  return Object.hasOwn(listing(), name);
}

function accept([name, part, pieces]: Push): void {
  const list = slot(arrived, name, () => []);
  list[part] = pieces;
  const total = listing()[name] ?? 1;
  for (let i = 0; i < total; i++) if (!list[i]) return;
  slot(complete, name, () => signal(false)).value = true;
}

// At once: other modules ask for groups as soon as they are imported.
const early = Array.isArray(window.clearhead) ? window.clearhead : [];
window.clearhead = { push: accept };
early.forEach(accept);

function slot<T>(map: Map<string, T>, name: string, make: () => T): T {
  let value = map.get(name);
  if (value === undefined) map.set(name, (value = make()));
  return value;
}

/** Scripts read at once: more would hold the page up, and what is looked at now should not wait for the rest. */
const AT_ONCE = 4;
const queue: string[] = [];
let reading = 0;

/** Ask for the scripts of a group, once; the page's own wish comes before what the worker will need. */
function fetchParts(name: string, hurry = true): void {
  if (asked.has(name) || !has(name)) return;
  asked.add(name);
  const parts = Array.from({ length: listing()[name] }, (_, i) => i).filter((i) => !arrived.get(name)?.[i]);
  const addresses = parts.map((i) => `data/${name}.${i}.js`);
  if (hurry) queue.unshift(...addresses);
  else queue.push(...addresses);
  readNext();
}

function readNext(): void {
  while (reading < AT_ONCE && queue.length) {
    const script = document.createElement("script");
    const end = () => {
      script.remove();
      reading--;
      readNext();
    };
    script.src = queue.shift()!;
    script.onload = end;
    script.onerror = () => {
      failed.value = [...failed.value, script.src];
      end();
    };
    reading++;
    document.head.append(script);
  }
}

/** The signal of a group, joined when it is first asked for; the first call fetches it. */
export function group<T = Payload>(name: string): Signal<T | undefined> {
  fetchParts(name);
  const out = slot(joined, name, () => signal<Payload | undefined>(undefined));
  const whole = slot(complete, name, () => signal(false)).value;
  if (whole && out.peek() === undefined) {
    out.value = join(arrived.get(name)!.flat());
    arrived.delete(name);
  }
  return out as unknown as Signal<T | undefined>;
}

function completed(name: string, hurry = true): Promise<void> {
  fetchParts(name, hurry);
  const done = slot(complete, name, () => signal(false));
  return new Promise((resolve) => {
    const stop = done.subscribe((value) => {
      if (!value) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** A promise of a group. */
export async function whole<T = Payload>(name: string): Promise<T> {
  await completed(name);
  return group<T>(name).peek()!;
}

/** The encoded pieces of a group's arrays, for the worker to decode; they are handed out once. */
export async function raw(name: string): Promise<string[]> {
  await completed(name, false);
  const pieces = arrived.get(name)!.flat();
  arrived.delete(name);
  return pieces.filter(([, kind]) => kind === "a").map(([, , value]) => (value as [string, string])[1]);
}

function join(pieces: Piece[]): Payload {
  const lists = new Map<string, { kind: string; values: unknown[] }>();
  for (const [key, kind, value] of pieces) {
    const entry = lists.get(key) ?? { kind, values: [] };
    entry.values.push(value);
    lists.set(key, entry);
  }
  const out: Payload = Object.create(null);
  for (const [key, { kind, values }] of lists) {
    if (kind === "v") out[key] = values[0];
    else if (kind === "l") out[key] = values.length === 1 ? values[0] : (values as unknown[][]).flat(1);
    else out[key] = decode(values as [string, string][]);
  }
  return out;
}

const TYPES = {
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
} as const;

function decode(chunks: [string, string][]): ArrayBufferView {
  return new TYPES[chunks[0][0] as keyof typeof TYPES](decoded(chunks.map(([, text]) => text)));
}
