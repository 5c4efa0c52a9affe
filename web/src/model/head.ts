// A head of the page: its weights by class and by feature. They come sorted by feature, then class.
import type { HeadData, Weighted } from "./types";

export class Head {
  /** The largest weight of each feature, by magnitude. */
  readonly largest: Float32Array;
  private start: Int32Array;
  private classStart: Int32Array;
  /** Entries in the order of their classes. */
  private order: Int32Array;
  private lists = new Map<number, Weighted[]>();

  constructor(
    readonly data: HeadData,
    nFeatures: number,
  ) {
    const { feature, column, weight, intercept } = data;
    this.start = counted(feature, nFeatures);
    this.classStart = counted(column, intercept.length);
    this.largest = new Float32Array(nFeatures);
    this.order = new Int32Array(weight.length);
    const next = this.classStart.slice();
    for (let i = 0; i < weight.length; i++) {
      this.largest[feature[i]] = Math.max(this.largest[feature[i]], Math.abs(weight[i]));
      this.order[next[column[i]]++] = i;
    }
  }

  get nClasses(): number {
    return this.data.intercept.length;
  }

  /** The features of a class, largest weight by magnitude first. */
  ofClass(c: number): Weighted[] {
    let list = this.lists.get(c);
    if (!list) {
      const { feature, weight } = this.data;
      list = Array.from(this.entries(c), (i) => ({ place: feature[i], weight: weight[i] }));
      list.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
      this.lists.set(c, list);
    }
    return list;
  }

  /** The features of a class in no order. */
  placesOf(c: number): Set<number> {
    return new Set(Array.from(this.entries(c), (i) => this.data.feature[i]));
  }

  private entries(c: number): Int32Array {
    return this.order.subarray(this.classStart[c] ?? 0, this.classStart[c + 1] ?? 0);
  }

  /** The classes that use a feature, largest weight first. */
  classesOf(place: number): { column: number; weight: number }[] {
    return usersOf(this.data, this.start[place], this.start[place + 1]);
  }

  weight(place: number, c: number): number {
    for (let i = this.start[place]; i < this.start[place + 1]; i++)
      if (this.data.column[i] === c) return this.data.weight[i];
    return 0;
  }

  /** How many classes use a feature. */
  count(place: number): number {
    return this.start[place + 1] - this.start[place];
  }
}

/** Where the entries of each number begin, once they are in order. */
function counted(numbers: Int32Array, n: number): Int32Array {
  const start = new Int32Array(n + 1);
  for (const j of numbers) start[j + 1]++;
  for (let j = 0; j < n; j++) start[j + 1] += start[j];
  return start;
}

function usersOf(data: HeadData, from: number, to: number): { column: number; weight: number }[] {
  const out = [];
  for (let i = from; i < to; i++) out.push({ column: data.column[i], weight: data.weight[i] });
  return out.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
}

/** The classes that use a feature, found without putting the whole head in order. */
export function usersIn(data: HeadData, place: number): Map<number, number> {
  const at = (value: number) => {
    let [low, high] = [0, data.feature.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.feature[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return new Map(usersOf(data, at(place), at(place + 1)).map(({ column, weight }) => [column, weight]));
}
