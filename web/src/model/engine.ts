// The page's side of the worker: starts it, feeds it the shards, and keeps the current predictions as signals.
import { effect, signal } from "@preact/signals";
import source from "text:./worker.ts";
import { changesOf, editsKey } from "./cart";
import { raw, whole } from "./load";
import type { Answer, Changes, Request, Scores } from "./protocol";
import { headIndex, headOf, info, manifest } from "./store";
import type { ExamplesData, HeadData } from "./types";

let worker: Worker | undefined;
let number = 0;
const waiting = new Map<number, (answer: Answer) => void>();
const sent = new Map<number, Promise<void>>();

function room(): Worker {
  if (!worker) {
    worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      waiting.get(data.id)?.(data);
      waiting.delete(data.id);
    };
  }
  return worker;
}

let ready: Promise<void> | undefined;

function prepare(): Promise<void> {
  ready ??= whole<ExamplesData>("examples").then((ex) => {
    const m = info();
    room().postMessage({
      t: "setup",
      n: m.n_examples,
      k: m.classes.length,
      perBlock: m.values.per_block,
      low: ex.low,
      step: ex.step,
      many: m.many_labels,
    } satisfies Request);
  });
  return ready;
}

function block(index: number): Promise<void> {
  let promise = sent.get(index);
  if (!promise) {
    promise = prepare()
      .then(() => raw(`values-${index}`))
      .then((chunks) => room().postMessage({ t: "block", number: index, chunks } satisfies Request));
    sent.set(index, promise);
  }
  return promise;
}

async function blocks(): Promise<void> {
  await prepare();
  await Promise.all(Array.from({ length: info().values.blocks }, (_, i) => block(i)));
}

type Asking = Request extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;

function ask(request: Asking): Promise<Answer> {
  const id = ++number;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    room().postMessage({ ...request, id });
  });
}

/** The values z of one shipped feature for all examples. */
export async function column(place: number): Promise<Float32Array> {
  await prepare();
  await block(Math.floor(place / info().values.per_block));
  return (await ask({ t: "column", place })).values!;
}

/** The values z of all shipped features for one example. */
export async function row(i: number): Promise<Float32Array> {
  await blocks();
  return (await ask({ t: "row", i })).values!;
}

function scoresOf(answer: Answer): Scores {
  return { predicted: answer.predicted!, margin: answer.margin, bits: answer.bits };
}

let held = "";

/** Everything that asks for scores takes its turn, since the worker holds one head at a time. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const next = turn.then(work, work);
  turn = next;
  return next;
}

async function hold(name: string): Promise<Scores | undefined> {
  if (held === name) return undefined;
  await blocks();
  performance.mark("clearhead:first-pass");
  const { feature, column: columns, weight, intercept } = await whole<HeadData>(name);
  const scores = scoresOf(await ask({ t: "head", feature, column: columns, weight, intercept }));
  performance.measure("clearhead:first-pass", "clearhead:first-pass");
  held = name;
  return scores;
}

const NONE: Changes = { place: [], column: [], weight: [] };

/** Predictions of a head for the whole sample, with some weights changed. */
export function score(name: string, changes: Changes = NONE): Promise<Scores> {
  return inTurn(async () => {
    const fresh = await hold(name);
    if (fresh && !changes.place.length) return fresh;
    performance.mark("clearhead:edit");
    const scores = scoresOf(await ask({ t: "edit", ...changes }));
    performance.measure("clearhead:edit", "clearhead:edit");
    return scores;
  });
}

/** Predictions of the head shown, without and with the edits of the cart. */
export const shown = signal<Scores | undefined>(undefined);
export const edited = signal<Scores | undefined>(undefined);
export const busy = signal(false);
/** How long the worker took for the last scores, in milliseconds. */
export const took = signal(0);

const wanted = signal(false);

/** Pages that read `shown` or `edited` call this once; until then no activations are loaded. */
export function wantScores(): void {
  wanted.value = true;
}

const known = new Map<string, Scores>();
let latest = 0;

effect(() => {
  const m = manifest.value;
  if (!m || !wanted.value) return;
  const name = `head-${headIndex.value}`;
  const head = headOf(name);
  const key = editsKey.value;
  if (!head) return;
  const mine = ++latest;
  busy.value = true;
  shown.value = known.get(name);
  const began = performance.now();
  const work = async () => {
    const base = known.get(name) ?? (await score(name));
    known.set(name, base);
    if (mine !== latest) return;
    shown.value = base;
    const after = key ? await score(name, changesOf(head)) : undefined;
    if (mine !== latest) return;
    edited.value = after;
    took.value = performance.now() - began;
    busy.value = false;
  };
  void work();
});
