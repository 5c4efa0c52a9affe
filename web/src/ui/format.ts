// Numbers as people read them; exact ones stay in tables and exports.

export function percent(x: number | null | undefined, digits = 1): string {
  return x == null || !Number.isFinite(x) ? "–" : `${(100 * x).toFixed(digits)}%`;
}

export function short(x: number | null | undefined): string {
  if (x == null || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return minus(x.toExponential(1));
  if (Number.isInteger(x)) return minus(whole(x));
  return minus(x.toPrecision(3).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, ""));
}

/** With an explicit sign, so that colour is never the only carrier. */
export function signed(x: number): string {
  return x > 0 ? `+${short(x)}` : short(x);
}

/** Digits in groups of three; by hand, since the browser's own way is slow where thousands are written. */
export function whole(x: number): string {
  return Math.round(x)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

function minus(text: string): string {
  return text.replace(/-/g, "−");
}

export function plural(n: number, one: string, many = one + "s"): string {
  return `${whole(n)} ${n === 1 ? one : many}`;
}

/** Wilson's 95 % interval of a share k of n. */
export function wilson(share: number, n: number): [number, number] {
  if (!n) return [0, 1];
  const z = 1.959964;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
