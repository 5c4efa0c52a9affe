// Why one example is answered as it is: score = intercept + Σ z·w, feature by feature.
import type { Head } from "./head";

export interface Part {
  place: number;
  forGuess: number;
  forOther: number;
}

/** Scores of all classes with some features off. */
export function scoresOf(head: Head, z: Float32Array, off: Set<number>): Float64Array {
  const { feature, column, weight, intercept } = head.data;
  const out = Float64Array.from(intercept);
  for (let e = 0; e < weight.length; e++) if (!off.has(feature[e])) out[column[e]] += weight[e] * z[feature[e]];
  return out;
}

export function argmax(scores: Float64Array): number {
  let best = 0;
  for (let c = 1; c < scores.length; c++) if (scores[c] > scores[best]) best = c;
  return best;
}

export function softmax(scores: Float64Array): Float64Array {
  const top = Math.max(...scores);
  const e = scores.map((s) => Math.exp(s - top));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / total);
}

/** What each feature of two classes adds to their scores, largest difference first. */
export function parts(head: Head, z: Float32Array, guess: number, other: number): Part[] {
  const out = new Map<number, Part>();
  const at = (place: number) => {
    let p = out.get(place);
    if (!p) out.set(place, (p = { place, forGuess: 0, forOther: 0 }));
    return p;
  };
  for (const w of head.ofClass(guess)) at(w.place).forGuess += w.weight * z[w.place];
  if (other !== guess) for (const w of head.ofClass(other)) at(w.place).forOther += w.weight * z[w.place];
  const gap = (p: Part) => Math.abs(p.forGuess - p.forOther);
  return [...out.values()].sort((a, b) => gap(b) - gap(a));
}

/**
 * The smallest set of features whose removal lets `other` overtake `guess`, or null if none does. Exact: removing a
 * feature lowers the lead by what it gave, so the largest gifts in order are the fewest that close it.
 */
export function overtaking(head: Head, z: Float32Array, guess: number, other: number): number[] | null {
  const { intercept } = head.data;
  const gifts = parts(head, z, guess, other).map((p) => ({ place: p.place, gift: p.forGuess - p.forOther }));
  let lead = intercept[guess] - intercept[other] + gifts.reduce((s, g) => s + g.gift, 0);
  const taken = [];
  for (const { place, gift } of gifts.filter((g) => g.gift > 0).sort((a, b) => b.gift - a.gift)) {
    if (lead < 0) break;
    taken.push(place);
    lead -= gift;
  }
  return lead < 0 ? taken : null;
}

/** The smallest set that changes the answer at all, and to what; with a thousand classes it takes a while. */
export function* flipping(
  head: Head,
  z: Float32Array,
  guess: number,
): Generator<undefined, { places: number[]; to: number } | null> {
  let best: { places: number[]; to: number } | null = null;
  for (let c = 0; c < head.nClasses; c++) {
    if (c % 20 === 19) yield;
    if (c === guess) continue;
    const places = overtaking(head, z, guess, c);
    if (places && (!best || places.length < best.places.length)) best = { places, to: c };
  }
  return best && { places: best.places, to: argmax(scoresOf(head, z, new Set(best.places))) };
}

/** For a label of its own: the fewest features whose removal changes the sign of its score. */
export function turning(head: Head, z: Float32Array, c: number): number[] | null {
  let score = head.data.intercept[c];
  const gifts = head.ofClass(c).map((w) => ({ place: w.place, gift: w.weight * z[w.place] }));
  score += gifts.reduce((s, g) => s + g.gift, 0);
  const sign = score > 0 ? 1 : -1;
  const taken = [];
  for (const { place, gift } of gifts.filter((g) => g.gift * sign > 0).sort((a, b) => (b.gift - a.gift) * sign)) {
    if (score * sign < 0) break;
    taken.push(place);
    score -= gift;
  }
  return score * sign < 0 ? taken : null;
}
