// Right and wrong over the sample, and what a change of the head does to it.
import { whole } from "../ui/format";
import { examples, info } from "./store";
import type { Scores } from "./protocol";

/** Rows of the uniform sample of the test rows whose label is known. */
export function uniformRows(): number[] {
  const ex = examples.value;
  if (!ex) return [];
  const rows = [];
  for (let i = 0; i < ex.uniform.length; i++) if (ex.uniform[i] && (ex.label_bits || ex.label[i] >= 0)) rows.push(i);
  return rows;
}

/** What the examples of effects are, in words. */
export function sampleWords(n: number): string {
  const count = whole(n);
  return info().uniform_known ? `${count} randomly drawn test examples` : `the ${count} test examples here, which are not a random sample`;
}

/** Whether every answer of a row is right. */
export function isRight(s: Scores, i: number): boolean {
  const ex = examples.value!;
  if (!ex.label_bits || !s.bits) return s.predicted[i] === ex.label[i];
  const k = info().classes.length;
  for (let c = 0; c < k; c++) if (s.bits[i * k + c] !== ex.label_bits[i * k + c]) return false;
  return true;
}

export function labelsOf(bits: Uint8Array | undefined, first: Int32Array, i: number): number[] {
  if (!bits) return first[i] < 0 ? [] : [first[i]];
  const k = info().classes.length;
  return Array.from({ length: k }, (_, c) => c).filter((c) => bits[i * k + c]);
}

export interface Effect {
  n: number;
  before: number;
  after: number;
  fixed: number[];
  broken: number[];
  moved: number[];
  /** Change of the accuracy and its 95 % interval. */
  change: [value: number, low: number, high: number];
}

/** Before against after on the same rows; interval of Agresti and Min (2005) for paired shares. */
export function effect(before: Scores, after: Scores, rows: number[]): Effect {
  const fixed: number[] = [];
  const broken: number[] = [];
  const moved: number[] = [];
  let right = 0;
  for (const i of rows) {
    const a = isRight(before, i);
    const b = isRight(after, i);
    right += Number(a);
    if (a && !b) broken.push(i);
    else if (!a && b) fixed.push(i);
    else if (before.predicted[i] !== after.predicted[i]) moved.push(i);
  }
  const n = rows.length;
  const [b, c] = [fixed.length, broken.length];
  const middle = (b - c) / (n + 2);
  const half = (1.959964 * Math.sqrt(Math.max(b + c + 1 - ((b - c) * (b - c)) / (n + 2), 0))) / (n + 2);
  return {
    n,
    before: n ? right / n : 0,
    after: n ? (right + b - c) / n : 0,
    fixed,
    broken,
    moved,
    change: [n ? (b - c) / n : 0, Math.max(middle - half, -1), Math.min(middle + half, 1)],
  };
}
