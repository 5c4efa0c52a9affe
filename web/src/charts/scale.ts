// Scales and ticks.

export interface Scale {
  (x: number): number;
  invert(y: number): number;
  ticks: number[];
}

function withTicks(map: (x: number) => number, invert: (y: number) => number, ticks: number[]): Scale {
  return Object.assign(map, { invert, ticks });
}

export function linear(domain: [number, number], range: [number, number], count = 5): Scale {
  const [a, b] = domain[0] === domain[1] ? [domain[0] - 0.5, domain[1] + 0.5] : domain;
  const slope = (range[1] - range[0]) / (b - a);
  return withTicks(
    (x) => range[0] + (x - a) * slope,
    (y) => a + (y - range[0]) / slope,
    niceTicks(a, b, count),
  );
}

export function log(domain: [number, number], range: [number, number]): Scale {
  const [a, b] = [Math.log10(domain[0]), Math.log10(Math.max(domain[1], domain[0] * 1.01))];
  const inner = linear([a, b], range);
  const ticks: number[] = [];
  for (let e = Math.floor(a); e <= Math.ceil(b); e++)
    for (const m of b - a > 3 ? [1] : b - a > 1.2 ? [1, 3] : [1, 2, 5]) {
      const v = m * 10 ** e;
      if (v >= domain[0] * 0.999 && v <= domain[1] * 1.001) ticks.push(v);
    }
  return withTicks(
    (x) => inner(Math.log10(Math.max(x, domain[0] / 10))),
    (y) => 10 ** inner.invert(y),
    ticks,
  );
}

export function niceTicks(a: number, b: number, count: number): number[] {
  const raw = (b - a) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999)!;
  const out = [];
  for (let i = Math.ceil(a / step - 1e-9); i * step <= b + step * 1e-9; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

export function extent(values: Iterable<number>): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return low <= high ? [low, high] : [0, 1];
}
