// One class: its features as signed bars, each with what it responds to; the dense layer beside it.
import { dense, denseWords, examples, features, head, headIndex, info, nameOf } from "../model/store";
import { link, param, set } from "../model/route";
import type { Weighted } from "../model/types";
import { Figure } from "../ui/Figure";
import { Later, useGrowing } from "../ui/Later";
import { Facts, Section, Waiting } from "../ui/Prose";
import { SignedBar } from "../ui/WeightBars";
import { Strip } from "../ui/Thumb";
import { Explanations } from "../ui/Explanations";
import { CartButton } from "../ui/CartButton";
import { useStep } from "../ui/useStep";
import { percent, plural, short, signed } from "../ui/format";

const STEP = 25;

export function ClassPage({ c }: { c: number }) {
  const m = info();
  const h = head.value;
  const to = (i: number) => (i >= 0 && i < m.classes.length ? link("class", [i]) : undefined);
  useStep(to(c - 1), to(c + 1));
  const limit = Number(param("n")) || STEP;
  const drawn = useGrowing(limit, 3);
  if (!(c >= 0 && c < m.classes.length)) return <h1>There is no such class</h1>;
  if (!h) return <Waiting />;
  const weights = h.ofClass(c);
  const max = Math.max(...weights.map((w) => Math.abs(w.weight)), 0);
  return (
    <>
      <header class="page-head">
        <div>
          <p class="eyebrow">Class {c}</p>
          <h1 dir="auto">{m.classes[c]}</h1>
        </div>
        <nav class="steps" aria-label="Neighbouring classes">
          {c > 0 && <a href={link("class", [c - 1])}>← {m.classes[c - 1]}</a>}
          {c + 1 < m.classes.length && <a href={link("class", [c + 1])}>{m.classes[c + 1]} →</a>}
        </nav>
      </header>
      <ClassFacts c={c} weights={weights} />
      <Section title={weights.length ? "What it looks for" : "No features"}>
        {!weights.length && (
          <p class="note">
            At this λ the class uses no feature: its score is its intercept alone. Move λ to the right to see the first
            ones appear.
          </p>
        )}
        <Figure
          name={`class-${c}-features`}
          title={`${plural(weights.length, "feature")} by weight`}
          caption="Weights are on standardised features: a bar is the change of the class score for one standard deviation. Beside each, the examples that activate it most."
          drawing={false}
          sheet={() => ({
            columns: ["feature", "name", "weight"],
            rows: weights.map((w) => [m.shipped[w.place], nameOf(m.shipped[w.place]), w.weight]),
          })}
        >
          <ol class="features">
            {weights.slice(0, drawn).map((w) => (
              <FeatureRow key={w.place} w={w} max={max} c={c} />
            ))}
          </ol>
          {weights.length > limit && (
            <button class="more" onClick={() => set({ n: String(limit + 4 * STEP) })}>
              {weights.length - limit} more
            </button>
          )}
        </Figure>
      </Section>
      {m.dense && (
        <Later frames={2}>
          <DenseBeside c={c} weights={weights} />
        </Later>
      )}
    </>
  );
}

function ClassFacts({ c, weights }: { c: number; weights: Weighted[] }) {
  const ex = examples.value;
  const h = head.value!;
  const facts: [string, preact.ComponentChildren][] = [
    ["Features", weights.length],
    ["Intercept", signed(h.data.intercept[c])],
  ];
  if (ex) {
    const rows = Array.from(ex.label, (l, i) => [l, i]).filter(([l]) => l === c);
    facts.push(["Examples here", rows.length]);
    const testRows = rows.filter(([, i]) => ex.split[i] === "test");
    if (headIndex.value === info().selected && testRows.length)
      facts.push([
        "Right, of the test examples here",
        `${percent(testRows.filter(([, i]) => ex.predicted[i] === c).length / testRows.length, 0)} of ${testRows.length}`,
      ]);
  }
  return <Facts facts={facts} />;
}

function FeatureRow({ w, max, c }: { w: Weighted; max: number; c: number }) {
  const id = info().shipped[w.place];
  const top = features.value?.top[w.place] ?? [];
  return (
    <li class="feature-row">
      <div class="feature-name">
        <a href={link("feature", [id])} dir="auto">
          {nameOf(id)}
        </a>
        <span class="feature-weight">
          <SignedBar value={w.weight} max={max} />
          <span class={w.weight < 0 ? "num minus" : "num plus"}>{signed(w.weight)}</span>
        </span>
        <CartButton feature={id} c={c} />
      </div>
      <div>
        <Explanations place={w.place} brief />
        {info().kind !== "array" && <Strip line rows={top.slice(0, info().kind === "text" ? 3 : 12)} />}
      </div>
    </li>
  );
}

function DenseBeside({ c, weights }: { c: number; weights: Weighted[] }) {
  const d = dense.value;
  if (!d) return <Waiting />;
  const rows: { id: number; weight: number }[] = [];
  for (let i = 0; i < d.weight.length; i++)
    if (d.column[i] === c) rows.push({ id: d.feature[i], weight: d.weight[i] });
  const sparse = new Map(weights.map((w) => [info().shipped[w.place], w.weight]));
  const max = Math.max(...rows.map((r) => Math.abs(r.weight)), 0);
  const maxSparse = Math.max(...weights.map((w) => Math.abs(w.weight)), 0);
  const shown = Math.abs(rows.reduce((s, r) => s + Math.abs(r.weight), 0) / (d.mass[c] || 1));
  const total = info().dense!.per_class[c];
  return (
    <Section
      title={`The ${denseWords()}${denseWords().endsWith("layer") ? "" : " head"}, for comparison`}
      note={`It spreads this class over ${plural(total, "feature")}. Its ${rows.length} largest carry ${percent(shown, 0)} of its weight by magnitude.`}
    >
      <Figure
        name={`class-${c}-dense`}
        title="Its largest weights and what the sparse head made of them"
        drawing={false}
        sheet={() => ({
          columns: ["feature", "name", "dense", "sparse"],
          rows: rows.map((r) => [r.id, nameOf(r.id), r.weight, sparse.get(r.id) ?? 0]),
        })}
      >
        <ul class="weights pair">
          <li class="pair-head" aria-hidden="true">
            <span />
            <span>dense</span>
            <span />
            <span>sparse</span>
            <span />
          </li>
          {rows.slice(0, 20).map((r) => (
            <li key={r.id}>
              {sparse.has(r.id) ? <a href={link("feature", [r.id])}>{nameOf(r.id)}</a> : <span>{nameOf(r.id)}</span>}
              <SignedBar value={r.weight} max={max} />
              <span class="num">{signed(r.weight)}</span>
              <SignedBar value={sparse.get(r.id) ?? 0} max={maxSparse} />
              <span class="num">{sparse.has(r.id) ? signed(sparse.get(r.id)!) : short(0)}</span>
            </li>
          ))}
        </ul>
      </Figure>
    </Section>
  );
}
