// The λ slider that every page follows.
import { headIndex, info, manifest } from "../model/store";
import { set } from "../model/route";
import { scoreOf } from "../pages/Overview";
import { percent, short } from "./format";

export function PathSlider() {
  const m = manifest.value;
  if (!m || m.heads.length < 2) return null;
  const i = headIndex.value;
  const words = `${short(m.heads[i].nonzeros / m.classes.length)} features a class`;
  const score = scoreOf(i, "test") ?? scoreOf(i, "val");
  return (
    <div class="path-slider">
      <label for="lambda">
        <span class="lambda">λ</span> <span class="slider-words">{words}</span>
        {score != null && <span class="slider-words">{percent(score)}</span>}
      </label>
      <span class="slider-track">
        <input
          id="lambda"
          type="range"
          min="0"
          max={m.heads.length - 1}
          step="1"
          value={i}
          aria-label="Sparsity: which head of the path"
          aria-valuetext={words}
          onInput={(e) => pick(Number((e.currentTarget as HTMLInputElement).value))}
        />
      </span>
      {i !== m.selected && (
        <button class="quiet" onClick={() => pick(m.selected)} title="Back to the selected head">
          selected
        </button>
      )}
    </div>
  );
}

export function pick(index: number): void {
  set({ h: index === info().selected ? "" : String(index) });
}
