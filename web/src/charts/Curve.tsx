// The trade-off curve (paper, Fig. 16): accuracy against features a class, the dense layer as a reference line.
import { useState } from "preact/hooks";
import { short } from "../ui/format";
import { Axes } from "./Axes";
import { extent, linear, log } from "./scale";
import { useWidth } from "./useWidth";

export interface Series {
  name: string;
  points: { x: number; y: number; low?: number; high?: number; key: number }[];
  quiet?: boolean;
}

interface Props {
  series: Series[];
  references: { name: string; y: number }[];
  xLabel: string;
  yLabel: string;
  marks: { x: number; y: number; name: string; main: boolean }[];
  onPick?: (key: number) => void;
  format: (y: number) => string;
  alt: string;
}


export function Curve({ series, references, xLabel, yLabel, marks, onPick, format, alt }: Props) {
  const [ref, width] = useWidth();
  const [hover, setHover] = useState<number | null>(null);
  const HEIGHT = Math.round(Math.min(Math.max(width * 0.34, 280), 640));
  const pad = { left: 52, right: width < 520 ? 16 : 96, top: 18, bottom: 46 };
  const points = series.flatMap((s) => s.points).filter((p) => p.x > 0);
  const xs = extent([...points, ...marks].map((p) => p.x));
  const ys = extent([...marks.map((m) => m.y), ...points.flatMap((p) => [p.low ?? p.y, p.high ?? p.y]), ...references.map((r) => r.y)]);
  const x = log(xs, [pad.left, width - pad.right]);
  const y = linear([ys[0] - 0.02, Math.min(ys[1] + 0.03, 1.01)], [HEIGHT - pad.bottom, pad.top]);
  const move = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const at = event.clientX - box.left;
    const best = series[0]?.points.filter((p) => p.x > 0).reduce(
      (a, p) => (Math.abs(x(p.x) - at) < Math.abs(x(a.x) - at) ? p : a),
      series[0].points.find((p) => p.x > 0) ?? series[0].points[0],
    );
    setHover(best ? best.key : null);
  };
  const labels = spread(
    [
      ...series.map((s) => ({ name: s.name, y: y(s.points.at(-1)?.y ?? 0), quiet: !!s.quiet })),
      ...references.map((r) => ({ name: r.name, y: y(r.y), quiet: true })),
    ],
    16,
  );
  const under = hover == null ? null : series[0].points.find((p) => p.key === hover);
  return (
    <div ref={ref} class="chart">
      <svg
        width={width}
        height={HEIGHT}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={alt}
        onPointerMove={move}
        onPointerLeave={() => setHover(null)}
        onClick={() => hover != null && onPick?.(hover)}
        class={onPick ? "pick" : ""}
      >
        <Axes {...{ x, y, width, height: HEIGHT, pad, xLabel, yLabel, format }} />
        {references.map((r) => (
          <line class="reference" x1={pad.left} x2={width - pad.right} y1={y(r.y)} y2={y(r.y)} />
        ))}
        {series.map((s) => {
          const shown = s.points.filter((p) => p.x > 0);
          return (
            <g class={s.quiet ? "series quiet" : "series"}>
              {shown[0]?.low != null && (
                <path
                  class="band"
                  d={`M${shown.map((p) => `${x(p.x)},${y(p.low!)}`).join("L")}L${shown
                    .toReversed()
                    .map((p) => `${x(p.x)},${y(p.high!)}`)
                    .join("L")}Z`}
                />
              )}
              <path class="line" d={`M${shown.map((p) => `${x(p.x)},${y(p.y)}`).join("L")}`} />
            </g>
          );
        })}
        {marks.map((m) => (
          <g class={m.main ? "mark main" : "mark"}>
            <line class="drop" x1={x(m.x)} x2={x(m.x)} y1={y(m.y)} y2={HEIGHT - pad.bottom} />
            <circle cx={x(m.x)} cy={y(m.y)} r={m.main ? 6 : 4.5} />
            {m.name && (
              <text class="mark-name" x={x(m.x)} y={y(m.y) - 13} text-anchor={x(m.x) > width / 2 ? "end" : "middle"}>
                {m.name}
              </text>
            )}
          </g>
        ))}
        {under && <circle class="hover" cx={x(under.x)} cy={y(under.y)} r={4} />}
        {width >= 520 &&
          labels.map((l) => (
            <text class={l.quiet ? "end quiet" : "end"} x={width - pad.right + 8} y={l.y + 4}>
              {l.name}
            </text>
          ))}
      </svg>
      <p class="readout" aria-live="polite">
        {under
          ? `${short(under.x)} ${xLabel.split(",")[0]} · ` +
            series
              .map((s) => [s.name, s.points.find((p) => p.key === hover)?.y] as const)
              .filter(([, v]) => v != null)
              .map(([n, v]) => `${n} ${format(v!)}`)
              .join(" · ")
          : " "}
      </p>
    </div>
  );
}

/** Push labels apart so that none covers another. */
function spread<T extends { y: number }>(labels: T[], gap: number): T[] {
  const sorted = labels.map((l) => ({ ...l })).sort((a, b) => a.y - b.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + gap);
  return sorted;
}
