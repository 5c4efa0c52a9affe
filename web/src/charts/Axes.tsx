// The grid, ticks and titles that charts of two measures share.
import { short } from "../ui/format";
import type { Scale } from "./scale";

interface Props {
  x: Scale;
  y: Scale;
  width: number;
  height: number;
  pad: { left: number; right: number; bottom: number };
  xLabel: string;
  yLabel: string;
  format?: (y: number) => string;
}

export function Axes({ x, y, width, height, pad, xLabel, yLabel, format = short }: Props) {
  return (
    <>
      {y.ticks.map((t) => (
        <g>
          <line class="grid" x1={pad.left} x2={width - pad.right} y1={y(t)} y2={y(t)} />
          <text class="tick" x={pad.left - 10} y={y(t) + 4} text-anchor="end">
            {format(t)}
          </text>
        </g>
      ))}
      {x.ticks.map((t) => (
        <text class="tick" x={x(t)} y={height - pad.bottom + 20} text-anchor="middle">
          {short(t)}
        </text>
      ))}
      <text class="axis" x={pad.left} y={height - 6}>
        {xLabel}
      </text>
      <text class="axis" x={0} y={10}>
        {yLabel}
      </text>
    </>
  );
}
