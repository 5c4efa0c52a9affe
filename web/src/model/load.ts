// Shards arrive as classic scripts that push themselves; this puts them together and hands out groups as signals.
import { signal, type Signal } from "@preact/signals";

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

const parts = new Map<string, Piece[][]>();
const ready = new Map<string, Signal<Payload | undefined>>();
const asked = new Set<string>();
export const failed = signal<string[]>([]);

export function start(): void {
  const early = Array.isArray(window.clearhead) ? window.clearhead : [];
  window.clearhead = { push: accept };
  early.forEach(accept);
}

function listing(): Record<string, number> {
  return window.clearheadListing ?? {};
}

export function has(group: string): boolean {
  return group in listing();
}

function accept([group, part, pieces]: Push): void {
  let list = parts.get(group);
  if (!list) parts.set(group, (list = []));
  list[part] = pieces;
  const total = listing()[group] ?? 1;
  if (Array.from({ length: total }, (_, i) => list[i]).every(Boolean)) {
    slot(group).value = join(list.flat());
    parts.delete(group);
  }
}

function slot(group: string): Signal<Payload | undefined> {
  let s = ready.get(group);
  if (!s) ready.set(group, (s = signal<Payload | undefined>(undefined)));
  return s;
}

/** The signal of a group; the first call fetches it. */
export function group<T = Payload>(name: string): Signal<T | undefined> {
  const s = slot(name);
  if (!asked.has(name) && has(name)) {
    asked.add(name);
    const total = listing()[name];
    for (let i = 0; i < total; i++) {
      if (s.peek() || parts.get(name)?.[i]) continue;
      const script = document.createElement("script");
      script.src = `data/${name}.${i}.js`;
      script.onerror = () => (failed.value = [...failed.value, script.src]);
      document.head.append(script);
    }
  }
  return s as unknown as Signal<T | undefined>;
}

/** A promise of a group. */
export function whole<T = Payload>(name: string): Promise<T> {
  const s = group<T>(name);
  return new Promise((resolve) => {
    const stop = s.subscribe((value) => {
      if (value !== undefined) {
        resolve(value);
        queueMicrotask(() => stop());
      }
    });
  });
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
    else if (kind === "l") out[key] = (values as unknown[][]).flat(1);
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
  const bytes = chunks.map(([, text]) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  const all = new Uint8Array(bytes.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const b of bytes) {
    all.set(b, at);
    at += b.length;
  }
  return new TYPES[chunks[0][0] as keyof typeof TYPES](all.buffer);
}
