// Dots that can be followed.
import { useState } from "preact/hooks";
import { extent, linear } from "./scale";
import { short } from "../ui/format";
import { Axes } from "./Axes";
import { useWidth } from "./useWidth";

interface Props {
  points: { x: number; y: number; name: string; href?: string }[];
  xLabel: string;
  yLabel: string;
  format?: (y: number) => string;
  alt: string;
}

export function Scatter({ points, xLabel, yLabel, format = short, alt }: Props) {
  const [ref, width] = useWidth();
  const [hover, setHover] = useState<number | null>(null);
  const HEIGHT = Math.round(Math.min(Math.max(width * 0.36, 300), 680));
  const pad = { left: 52, right: 16, top: 22, bottom: 46 };
  const xs = extent(points.map((p) => p.x));
  const ys = extent(points.map((p) => p.y));
  const counts = points.every((p) => Number.isInteger(p.x));
  const right = counts ? Math.max(xs[1], 1) : xs[1];
  const x = linear([Math.min(xs[0], 0), right], [pad.left + 6, width - pad.right], counts ? Math.min(5, right) : 5);
  const y = linear([Math.min(ys[0], 0), ys[1]], [HEIGHT - pad.bottom - 4, pad.top]);
  const nearest = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best: number | null = null;
    let least = 18 ** 2;
    points.forEach((p, i) => {
      const d = (x(p.x) - px) ** 2 + (y(p.y) - py) ** 2;
      if (d < least) [best, least] = [i, d];
    });
    setHover(best);
  };
  const picked = hover == null ? null : points[hover];
  return (
    <div ref={ref} class="chart">
      <svg
        width={width}
        height={HEIGHT}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={alt}
        class={picked?.href ? "pick" : ""}
        onPointerMove={nearest}
        onPointerLeave={() => setHover(null)}
        onClick={() => picked?.href && (location.hash = picked.href)}
      >
        <Axes {...{ x, y, width, height: HEIGHT, pad, xLabel, yLabel, format }} />
        {/* One path for all dots, in a few layers so that overlap shows: thousands of elements would be slow. */}
        {[0, 1, 2, 3].map((layer) => (
          <path
            key={layer}
            class="dots"
            d={points
              .filter((_, i) => i % 4 === layer)
              .map((p) => `M${x(p.x).toFixed(1)},${y(p.y).toFixed(1)}h0`)
              .join("")}
          />
        ))}
        {picked && <circle class="hover" cx={x(picked.x)} cy={y(picked.y)} r={5} />}
      </svg>
      <p class="readout" dir="auto">
        {picked?.name ?? " "}
      </p>
    </div>
  );
}
