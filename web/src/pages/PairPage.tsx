// Two classes: the features that both use, those that tell them apart, and the examples between them.
import { shown, wantScores } from "../model/engine";
import { link } from "../model/route";
import { className, examples, features, head, info, nameOf } from "../model/store";
import { Figure } from "../ui/Figure";
import { Section, Waiting } from "../ui/Prose";
import { Strip } from "../ui/Thumb";
import { SignedBar } from "../ui/WeightBars";
import { plural, signed } from "../ui/format";

export function PairPage({ a, b }: { a: number; b: number }) {
  wantScores();
  const m = info();
  const h = head.value;
  const s = shown.value;
  const ex = examples.value;
  if (!(a >= 0 && b >= 0 && a < m.classes.length && b < m.classes.length)) return <h1>There is no such pair</h1>;
  if (!h || !ex) return <Waiting />;
  const first = new Map(h.ofClass(a).map((w) => [w.place, w.weight]));
  const second = new Map(h.ofClass(b).map((w) => [w.place, w.weight]));
  const rows = [...new Set([...first.keys(), ...second.keys()])]
    .map((place) => ({ place, a: first.get(place) ?? 0, b: second.get(place) ?? 0 }))
    .sort((x, y) => Number(!!y.a && !!y.b) - Number(!!x.a && !!x.b) || Math.abs(y.a - y.b) - Math.abs(x.a - x.b));
  const both = rows.filter((r) => r.a && r.b);
  const max = Math.max(...rows.map((r) => Math.max(Math.abs(r.a), Math.abs(r.b))), 0);
  const taken = (truth: number, guess: number) =>
    s ? Array.from(ex.label.keys()).filter((i) => ex.split[i] !== "train" && ex.label[i] === truth && s.predicted[i] === guess) : [];
  return (
    <>
      <header class="page-head">
        <div>
          <p class="eyebrow">A pair of classes</p>
          <h1 dir="auto">
            <a href={link("class", [a])}>{className(a)}</a> and <a href={link("class", [b])}>{className(b)}</a>
          </h1>
          <p class="lede">
            They share {plural(both.length, "feature")}. {alike(both)}
          </p>
        </div>
      </header>
      {s && <Taken title={`${className(a)} taken for ${className(b)}`} rows={taken(a, b)} />}
      {s && <Taken title={`${className(b)} taken for ${className(a)}`} rows={taken(b, a)} />}
      <Section title="Their features">
        <Figure
          name={`pair-${a}-${b}`}
          title="Weights for one and for the other"
          caption="Features that both use come first."
          drawing={false}
          sheet={() => ({
            columns: ["feature", "name", className(a), className(b)],
            rows: rows.map((r) => [m.shipped[r.place], nameOf(m.shipped[r.place]), r.a, r.b]),
          })}
        >
          <ul class="weights pair">
            <li class="pair-head" aria-hidden="true">
              <span />
              <span>{className(a)}</span>
              <span />
              <span>{className(b)}</span>
              <span />
            </li>
            {rows.slice(0, 60).map((r) => (
              <li key={r.place} class={r.a && r.b ? "shared" : ""}>
                <a href={link("feature", [m.shipped[r.place]])} dir="auto">
                  {nameOf(m.shipped[r.place])}
                </a>
                <SignedBar value={r.a} max={max} />
                <span class="num">{signed(r.a)}</span>
                <SignedBar value={r.b} max={max} />
                <span class="num">{signed(r.b)}</span>
              </li>
            ))}
          </ul>
        </Figure>
      </Section>
      {info().kind !== "array" && both.length > 0 && (
        <Section title="What the shared features look for">
          {both.slice(0, 8).map((r) => (
            <div class="band-row" key={r.place}>
              <h3>
                <a href={link("feature", [m.shipped[r.place]])}>{nameOf(m.shipped[r.place])}</a>
              </h3>
              <Strip line rows={(features.value?.top[r.place] ?? []).slice(0, info().kind === "text" ? 3 : 20)} />
            </div>
          ))}
        </Section>
      )}
    </>
  );
}

function alike(both: { a: number; b: number }[]): string {
  const same = both.filter((r) => r.a > 0 === r.b > 0).length;
  if (!both.length) return "";
  return `${plural(same, "of them pulls", "of them pull")} the same way for both, ${both.length - same} against each other.`;
}

function Taken({ title, rows }: { title: string; rows: number[] }) {
  if (!rows.length) return null;
  return (
    <div class="band-row">
      <h3 dir="auto">
        {title} <small>{plural(rows.length, "example")} here</small>
      </h3>
      <Strip rows={rows.slice(0, info().kind === "text" ? 5 : 20)} />
    </div>
  );
}
