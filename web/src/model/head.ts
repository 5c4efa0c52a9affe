// A head of the page: its weights by class and by feature.
import type { HeadData, Weighted } from "./types";

export class Head {
  private lists: Weighted[][];
  private sorted = new Set<number>();
  /** The largest weight of each feature, by magnitude. */
  readonly largest: Float32Array;
  private start: Int32Array;

  constructor(
    readonly data: HeadData,
    nFeatures: number,
  ) {
    const k = data.intercept.length;
    this.lists = Array.from({ length: k }, () => []);
    this.start = new Int32Array(nFeatures + 1);
    this.largest = new Float32Array(nFeatures);
    for (let i = 0; i < data.weight.length; i++) {
      this.lists[data.column[i]].push({ place: data.feature[i], weight: data.weight[i] });
      this.start[data.feature[i] + 1]++;
      this.largest[data.feature[i]] = Math.max(this.largest[data.feature[i]], Math.abs(data.weight[i]));
    }
    for (let j = 0; j < nFeatures; j++) this.start[j + 1] += this.start[j];
  }

  /** The features of a class, largest weight by magnitude first. */
  ofClass(c: number): Weighted[] {
    const list = this.lists[c] ?? [];
    if (!this.sorted.has(c)) {
      list.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
      this.sorted.add(c);
    }
    return list;
  }

  get nClasses(): number {
    return this.data.intercept.length;
  }

  /** The classes that use a feature, largest weight first. */
  classesOf(place: number): { column: number; weight: number }[] {
    const out = [];
    for (let i = this.start[place]; i < this.start[place + 1]; i++)
      out.push({ column: this.data.column[i], weight: this.data.weight[i] });
    return out.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
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
