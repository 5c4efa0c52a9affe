// Estimates as dots with their intervals.
import { extent, linear } from "./scale";
import { short } from "../ui/format";
import { useWidth } from "./useWidth";

export interface Interval {
  name: string;
  value: number;
  low: number;
  high: number;
}

const ROW = 26;

const LETTER = 6.6; // pixels of a letter, about

interface Props {
  list: Interval[];
  alt: string;
  xLabel: string;
  format?: (value: number) => string;
}

export function Intervals({ list, alt, xLabel, format = short }: Props) {
  const [ref, width] = useWidth();
  const longest = Math.max(...list.map((e) => e.name.length)) * LETTER + 8;
  const left = Math.min(Math.max(longest, 60), width * 0.42);
  const [from, to] = extent(list.flatMap((e) => [e.low, e.high, e.value]));
  const near = from >= 0 && from < 0.5 * to ? 0 : from;
  const x = linear([near, to], [left + 12, width - 64], 5);
  const height = list.length * ROW + 46;
  return (
    <div ref={ref} class="chart">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={alt}>
        {x.ticks.map((t) => (
          <g>
            <line class="grid" x1={x(t)} x2={x(t)} y1={4} y2={list.length * ROW + 4} />
            <text class="tick" x={x(t)} y={list.length * ROW + 20} text-anchor="middle">
              {format(t)}
            </text>
          </g>
        ))}
        {near < 0 && to > 0 && <line class="reference" x1={x(0)} x2={x(0)} y1={4} y2={list.length * ROW + 4} />}
        {list.map((e, i) => {
          const y = i * ROW + ROW / 2 + 4;
          return (
            <g>
              <text class="name" x={left} y={y + 4} text-anchor="end">
                {clip(e.name, left)}
                <title>{e.name}</title>
              </text>
              <line class="whisker" x1={x(e.low)} x2={x(e.high)} y1={y} y2={y} />
              <circle class="estimate" cx={x(e.value)} cy={y} r={4.5} />
              <text class="tick" x={width - 56} y={y + 4}>
                {format(e.value)}
              </text>
            </g>
          );
        })}
        <text class="axis" x={left + 12} y={height - 4}>
          {xLabel}
        </text>
      </svg>
    </div>
  );
}

function clip(name: string, room: number): string {
  const count = Math.floor(room / LETTER);
  return name.length > count ? name.slice(0, count - 1) + "…" : name;
}
