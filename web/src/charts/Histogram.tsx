// Counts as bars. A mark shows where something lies.
import { extent, linear } from "./scale";
import { short } from "../ui/format";
import { useWidth } from "./useWidth";

interface Props {
  counts: ArrayLike<number>;
  from: number;
  to: number;
  xLabel: string;
  yLabel?: string;
  height?: number;
  log?: boolean;
  marks?: { x: number; name: string }[];
  integers?: boolean;
  alt: string;
}

export function Histogram({ counts, from, to, xLabel, yLabel, height = 220, log, marks = [], integers, alt }: Props) {
  const [ref, width] = useWidth();
  const pad = { left: 44, right: 12, top: 24, bottom: 44 };
  const n = counts.length;
  const rise = (c: number) => (log ? Math.log10(1 + c) : c);
  const top = extent([0, ...Array.from(counts, rise)])[1] || 1;
  const x = linear([from, to], [pad.left, width - pad.right], Math.max(3, Math.round(width / 110)));
  const y = linear([0, top], [height - pad.bottom, pad.top], 4);
  const step = (width - pad.left - pad.right) / n;
  const gap = step > 6 ? 1.5 : step > 3 ? 0.5 : 0;
  const ticks = log
    ? [0, 1, 10, 100, 1000, 1e4, 1e5, 1e6].filter((t) => rise(t) <= top * 1.001)
    : y.ticks.filter(Number.isInteger);
  return (
    <div ref={ref} class="chart">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={alt}>
        {ticks.map((t) => (
          <g>
            <line class="grid" x1={pad.left} x2={width - pad.right} y1={y(rise(t))} y2={y(rise(t))} />
            <text class="tick" x={pad.left - 8} y={y(rise(t)) + 4} text-anchor="end">
              {short(t)}
            </text>
          </g>
        ))}
        {Array.from(counts, (c, i) =>
          c > 0 ? (
            <rect
              class="column"
              x={pad.left + i * step + gap / 2}
              width={Math.max(step - gap, 0.6)}
              y={y(rise(c))}
              height={Math.max(y(0) - y(rise(c)), 1)}
            />
          ) : null,
        )}
        {x.ticks
          .filter((t) => !integers || Number.isInteger(t))
          .map((t) => (
            <text class="tick" x={x(integers ? t + 0.5 : t)} y={height - pad.bottom + 18} text-anchor="middle">
              {short(t)}
            </text>
          ))}
        {marks.map((m) => (
          <g class="mark">
            <line class="drop" x1={x(m.x)} x2={x(m.x)} y1={pad.top - 6} y2={y(0)} />
            <text class="mark-name" x={x(m.x)} y={pad.top - 11} text-anchor={x(m.x) > width * 0.7 ? "end" : "start"}>
              {m.name}
            </text>
          </g>
        ))}
        <text class="axis" x={pad.left} y={height - 6}>
          {xLabel}
        </text>
        {yLabel && (
          <text class="axis" x={0} y={10}>
            {yLabel}
          </text>
        )}
      </svg>
    </div>
  );
}
