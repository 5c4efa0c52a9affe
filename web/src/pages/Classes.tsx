// All classes: a card each, with the pictures its strongest features look for.
import { examples, features, head, info } from "../model/store";
import { link, param, set } from "../model/route";
import { useGrowing } from "../ui/Later";
import { SignedBar } from "../ui/WeightBars";
import { Sentence, Thumb } from "../ui/Thumb";
import { plural } from "../ui/format";

const STEP = 60;

export function Classes() {
  const m = info();
  const q = param("q").toLowerCase();
  const limit = Number(param("n")) || STEP;
  const matching = m.classes.map((name, i) => ({ name, i })).filter(({ name }) => name.toLowerCase().includes(q));
  return (
    <>
      <header class="page-head">
        <h1>Classes</h1>
        <input
          type="search"
          placeholder="Filter by name"
          aria-label="Filter classes by name"
          value={param("q")}
          onInput={(e) => set({ q: e.currentTarget.value, n: "" })}
        />
      </header>
      <Cards list={matching.slice(0, limit).map(({ i }) => i)} />
      {matching.length > limit && (
        <button class="more" onClick={() => set({ n: String(limit + 4 * STEP) })}>
          {matching.length - limit} more
        </button>
      )}
      {!matching.length && <p class="note">No class has “{param("q")}” in its name.</p>}
    </>
  );
}

export function ClassCards({ limit }: { limit: number }) {
  return <Cards list={info().classes.map((_, i) => i).slice(0, limit)} />;
}

function Cards({ list }: { list: number[] }) {
  return (
    <div class={info().kind === "text" ? "cards wide" : "cards"}>
      {list.slice(0, useGrowing(list.length, 6)).map((c) => (
        <Card key={c} c={c} />
      ))}
    </div>
  );
}

function Card({ c }: { c: number }) {
  const m = info();
  const weights = head.value?.ofClass(c) ?? [];
  const max = Math.max(...weights.map((w) => Math.abs(w.weight)), 0);
  return (
    <a class="card" href={link("class", [c])}>
      <strong dir="auto">{m.classes[c]}</strong>
      {m.kind === "image" && <Mosaic c={c} />}
      {m.kind === "text" && <Saying c={c} />}
      <span class="mini-bars">
        {weights.slice(0, 5).map((w) => (
          <SignedBar key={w.place} value={w.weight} max={max} />
        ))}
      </span>
      <small>{plural(weights.length, "feature")}</small>
    </a>
  );
}

/** The class's own sentences that its strongest features respond to most. */
function Saying({ c }: { c: number }) {
  return (
    <span class="saying">
      {speaking(c, 2).map((r) => (
        <Sentence key={r} row={r} />
      ))}
    </span>
  );
}

/** A few examples that the strongest features respond to most. */
function speaking(c: number, count: number): number[] {
  const f = features.value;
  const ex = examples.value;
  const weights = (head.value?.ofClass(c) ?? []).filter((w) => w.weight > 0).slice(0, count);
  const seen = new Set<number>();
  // In turns, the class's own examples before others, so that every feature speaks.
  if (f && ex)
    for (let turn = 0; turn < 8 && seen.size < count; turn++)
      for (const { place } of weights) {
        const own = (r: number) => !seen.has(r) && ex.label[r] === c;
        const row = f.top[place].find(own) ?? (turn > 3 ? f.top[place].find((r) => !seen.has(r)) : undefined);
        if (row != null && seen.size < count) seen.add(row);
      }
  return [...seen];
}

function Mosaic({ c }: { c: number }) {
  return (
    <span class="mosaic">
      {speaking(c, 4).map((r) => (
        <Thumb key={r} row={r} linked={false} />
      ))}
    </span>
  );
}
