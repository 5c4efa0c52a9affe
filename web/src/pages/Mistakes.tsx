// A gallery of what the head gets wrong.
import { useMemo, useState } from "preact/hooks";
import { shown, wantScores } from "../model/engine";
import { link, param, set } from "../model/route";
import { className, examples, info } from "../model/store";
import type { Scores } from "../model/protocol";
import { isRight, labelsOf, sampleWords, uniformRows } from "../model/stats";
import { Thumb } from "../ui/Thumb";
import { useGrowing } from "../ui/Later";
import { Waiting } from "../ui/Prose";
import { plural, percent, wilson } from "../ui/format";

const STEP = 60;

/** Wrong rows that match the filters, surest mistakes first. */
export function mistakes(s: Scores, truth: string, guess: string): number[] {
  const ex = examples.value!;
  const rows = [];
  for (let i = 0; i < ex.label.length; i++) {
    if (ex.split[i] === "train" || (!ex.label_bits && ex.label[i] < 0) || isRight(s, i)) continue;
    if (truth && ex.label[i] !== Number(truth)) continue;
    if (guess && s.predicted[i] !== Number(guess)) continue;
    rows.push(i);
  }
  return s.margin ? rows.sort((a, b) => s.margin![b] - s.margin![a]) : rows;
}

export function Mistakes() {
  wantScores();
  const s = shown.value;
  const [truth, guess] = [param("t"), param("p")];
  const rows = useMemo(() => (s && examples.value ? mistakes(s, truth, guess) : []), [s, truth, guess, examples.value]);
  const limit = Number(param("n")) || STEP;
  const drawn = useGrowing(Math.min(limit, rows.length), 12);
  if (!s) return <Waiting />;
  const uniform = uniformRows();
  const wrong = uniform.filter((i) => !isRight(s, i)).length;
  const [low, high] = wilson(wrong / Math.max(uniform.length, 1), uniform.length);
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Mistakes</h1>
          {uniform.length > 0 && (
            <p class="lede">
              {plural(wrong, "mistake")} among {sampleWords(uniform.length)}:{" "}
              {percent(wrong / uniform.length)} ({(100 * low).toFixed(1)}–{(100 * high).toFixed(1)}). Surest mistakes
              first.
            </p>
          )}
        </div>
        {!info().many_labels && (
          <div class="filters">
            <ClassPicker label="Truth" value={truth} onPick={(t) => set({ t, n: "" })} />
            <ClassPicker label="Predicted" value={guess} onPick={(p) => set({ p, n: "" })} />
          </div>
        )}
      </header>
      {!rows.length && <p class="note">No mistakes here{truth || guess ? " with these filters" : ""}.</p>}
      <div class={info().kind === "image" ? "gallery" : "gallery wide"}>
        {rows.slice(0, drawn).map((i) => (
          <Case key={i} i={i} s={s} />
        ))}
      </div>
      {rows.length > limit && (
        <button class="more" onClick={() => set({ n: String(limit + 4 * STEP) })}>
          {rows.length - limit} more
        </button>
      )}
    </>
  );
}

export function Case({ i, s }: { i: number; s: Scores }) {
  const ex = examples.value!;
  const filters = { t: param("t"), p: param("p") };
  const guess = labelsOf(s.bits, s.predicted, i).map(className).join(", ") || "none";
  const truth = labelsOf(ex.label_bits, ex.label, i).map(className).join(", ") || "none";
  return (
    <a class="case" href={link("example", [i], filters)}>
      <Thumb row={i} size="large" linked={false} />
      <span class="case-words">
        <span dir="auto">{guess}</span>
        <small dir="auto">is {truth}</small>
      </span>
    </a>
  );
}

const MANY = 60;

/** A list of classes; of very many only the one chosen is there until it is opened. */
function ClassPicker({ label, value, onPick }: { label: string; value: string; onPick: (v: string) => void }) {
  const { classes } = info();
  const [open, setOpen] = useState(classes.length <= MANY);
  const shownClasses = open ? Array.from(classes.keys()) : value ? [Number(value)] : [];
  return (
    <label class="picker">
      <span>{label}</span>
      <select
        value={value}
        onPointerDown={() => setOpen(true)}
        onFocus={() => setOpen(true)}
        onChange={(e) => onPick(e.currentTarget.value)}
      >
        <option value="">any</option>
        {shownClasses.map((c) => (
          <option key={c} value={c}>
            {className(c).slice(0, 60)}
          </option>
        ))}
      </select>
    </label>
  );
}
