// Features of a class as signed bars: direction, sign character and colour all say the same.
import type { Weighted } from "../model/types";
import { info, nameOf } from "../model/store";
import { link } from "../model/route";
import { signed } from "./format";

export function SignedBar({ value, max }: { value: number; max: number }) {
  const share = max > 0 ? Math.min(Math.abs(value) / max, 1) * 50 : 0;
  return (
    <svg class="signed-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <line class="zero" x1="50" x2="50" y1="0" y2="10" />
      <rect class={value < 0 ? "minus" : "plus"} x={value < 0 ? 50 - share : 50} width={share} y="1.5" height="7" />
    </svg>
  );
}

export function WeightBars({ list, limit = 20 }: { list: Weighted[]; limit?: number }) {
  const max = Math.max(...list.map((w) => Math.abs(w.weight)), 0);
  return (
    <ul class="weights">
      {list.slice(0, limit).map(({ place, weight }) => {
        const id = info().shipped[place];
        return (
          <li key={place}>
            <a href={link("feature", [id])}>{nameOf(id)}</a>
            <SignedBar value={weight} max={max} />
            <span class="num">{signed(weight)}</span>
          </li>
        );
      })}
    </ul>
  );
}
