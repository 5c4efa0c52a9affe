// The two highest scores of every row, kept up to date when some classes' scores change.
type Floats = Float32Array | Float64Array;

export class Leaders {
  private best: Int32Array;
  private next: Int32Array;
  private top: Float64Array;
  private second: Float64Array;

  /** Scores lie class after class: that of row i for class c is logits[c · n + i]. */
  constructor(
    logits: Floats,
    private n: number,
    private k: number,
  ) {
    this.best = new Int32Array(n);
    this.next = new Int32Array(n);
    this.top = new Float64Array(n);
    this.second = new Float64Array(n);
    this.scan(logits, Int32Array.from({ length: n }, (_, i) => i));
  }

  /** Take in new scores of some classes. Rows led by one of them are scanned anew, the others compared with them. */
  follow(logits: Floats, classes: number[]): void {
    const { n, best, next } = this;
    const changed = new Uint8Array(this.k);
    for (const c of classes) changed[c] = 1;
    const lost: number[] = [];
    const kept: number[] = [];
    for (let i = 0; i < n; i++) (changed[best[i]] || changed[next[i]] ? lost : kept).push(i);
    const others = Int32Array.from(kept);
    for (const c of classes) this.offer(logits, c, others);
    this.scan(logits, Int32Array.from(lost));
  }

  /** The leading class of every row, the first of equals, and its lead over the next. */
  answer(): { best: Int32Array; margin: Float32Array } {
    const margin = new Float32Array(this.n);
    for (let i = 0; i < this.n; i++) margin[i] = this.top[i] - this.second[i];
    return { best: this.best.slice(), margin };
  }

  private scan(logits: Floats, rows: Int32Array): void {
    for (const i of rows) {
      this.top[i] = this.second[i] = -Infinity;
      this.best[i] = this.next[i] = 0;
    }
    for (let c = 0; c < this.k; c++) this.offer(logits, c, rows);
  }

  private offer(logits: Floats, c: number, rows: Int32Array): void {
    const { n, top, second, best, next } = this;
    const from = c * n;
    for (let r = 0; r < rows.length; r++) {
      const i = rows[r];
      const v = logits[from + i];
      if (v < second[i]) continue;
      if (v > top[i] || (v === top[i] && c < best[i])) {
        second[i] = top[i];
        next[i] = best[i];
        top[i] = v;
        best[i] = c;
      } else if (v > second[i]) {
        second[i] = v;
        next[i] = c;
      }
    }
  }
}
