// Weights against λ, one line a feature.
import { useState } from "preact/hooks";
import { extent, linear } from "./scale";
import { short } from "../ui/format";
import { useWidth } from "./useWidth";

export interface Line {
  id: number;
  name: string;
  values: number[];
}

const HEIGHT = 320;

export function Paths({ lambdas, lines, alt }: { lambdas: number[]; lines: Line[]; alt: string }) {
  const [ref, width] = useWidth();
  const [hover, setHover] = useState<number | null>(null);
  const pad = { left: 52, right: width < 520 ? 12 : 150, top: 16, bottom: 44 };
  const logs = lambdas.map((l) => -Math.log10(Math.max(l, 1e-300)));
  const x = linear(extent(logs), [pad.left, width - pad.right]);
  const y = linear(extent([0, ...lines.flatMap((l) => l.values)]), [HEIGHT - pad.bottom, pad.top]);
  const d = (l: Line) => `M${l.values.map((v, i) => `${x(logs[i]).toFixed(1)},${y(v).toFixed(1)}`).join("L")}`;
  const ends = lines
    .map((l, i) => ({ i, name: l.name, y: y(l.values.at(-1) ?? 0) }))
    .sort((a, b) => a.y - b.y);
  for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + 15);
  return (
    <div ref={ref} class="chart">
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={alt}>
        {y.ticks.map((t) => (
          <g>
            <line class={t === 0 ? "reference" : "grid"} x1={pad.left} x2={width - pad.right} y1={y(t)} y2={y(t)} />
            <text class="tick" x={pad.left - 10} y={y(t) + 4} text-anchor="end">
              {short(t)}
            </text>
          </g>
        ))}
        {x.ticks.filter(Number.isInteger).map((t) => (
          <text class="tick" x={x(t)} y={HEIGHT - pad.bottom + 20} text-anchor="middle">
            {short(10 ** -t)}
          </text>
        ))}
        {lines.map((l, i) => (
          <path
            key={l.id}
            class={hover === null || hover === i ? "weight-path" : "weight-path faint"}
            d={d(l)}
            onPointerEnter={() => setHover(i)}
            onPointerLeave={() => setHover(null)}
          />
        ))}
        {width >= 520 &&
          ends.map((e) => (
            <text
              class={hover === e.i ? "end" : "end quiet"}
              x={width - pad.right + 8}
              y={e.y + 4}
              onPointerEnter={() => setHover(e.i)}
              onPointerLeave={() => setHover(null)}
            >
              {e.name.slice(0, 22)}
            </text>
          ))}
        <text class="axis" x={pad.left} y={HEIGHT - 6}>
          λ, falling to the right
        </text>
        <text class="axis" x={0} y={10}>
          weight
        </text>
      </svg>
    </div>
  );
}
