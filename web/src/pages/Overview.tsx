// The run at a glance: verdict, trade-off, features a class, certificate.
import { Curve, type Series } from "../charts/Curve";
import { Histogram } from "../charts/Histogram";
import { denseWords, headIndex, info } from "../model/store";
import type { PathPoint } from "../model/types";
import { link } from "../model/route";
import { Figure } from "../ui/Figure";
import { Later } from "../ui/Later";
import { Facts, Section } from "../ui/Prose";
import { pick } from "../ui/PathSlider";
import { percent, plural, short, whole, wilson } from "../ui/format";
import { capital } from "../ui/words";
import { ClassCards } from "./Classes";
import { FindingList } from "./FindingPage";

export function Overview() {
  const m = info();
  return (
    <>
      <header class="hero">
        <p class="eyebrow">{kindName()}</p>
        <h1 dir="auto">{m.title}</h1>
        <div class="verdict">
          {m.verdict.map((s) => (
            <p>{s}</p>
          ))}
        </div>
        <HeadFacts />
      </header>
      {m.path.length > 1 && (
        <Later>
          <TradeOff />
        </Later>
      )}
      <Later frames={2}>
        <Section title="Classes" note={<a href={link("classes")}>All {plural(m.classes.length, "class", "classes")}</a>}>
          <ClassCards limit={12} />
        </Section>
      </Later>
      <Later frames={3}>
        <PerClass />
      </Later>
      {m.findings.length > 0 && (
        <Section title="What was found">
          <FindingList />
        </Section>
      )}
      <Certificate />
    </>
  );
}

function kindName(): string {
  const m = info();
  const data = { image: "images", text: "sentences", array: "rows" }[m.kind];
  return `${plural(m.classes.length, "class", "classes")} of ${data} · ${plural(m.n_features, "feature")}`;
}

/** Accuracy of a head on a split: of its point of the path, or of the selected head where that was edited. */
export function scoreOf(i: number, split: "val" | "test"): number | null {
  const m = info();
  const at = m.heads[i].point;
  return (at == null ? null : m.path[at]?.[split]) ?? (i === m.selected ? m.scores[split] : null) ?? null;
}

export function currentPoint(): PathPoint | undefined {
  const m = info();
  const at = m.heads[headIndex.value].point;
  return at == null ? undefined : m.path[at];
}

function withInterval(share: number | null | undefined, n: number | undefined) {
  if (share == null) return "–";
  if (!n) return percent(share);
  const [low, high] = wilson(share, n);
  return (
    <>
      {percent(share)}
      <small>
        {" "}
        {(100 * low).toFixed(1)}–{(100 * high).toFixed(1)}, n = {whole(n)}
      </small>
    </>
  );
}

function HeadFacts() {
  const m = info();
  const h = m.heads[headIndex.value];
  const p = currentPoint();
  const facts: [string, preact.ComponentChildren][] = [
    ["Features a class", short(h.nonzeros / m.classes.length)],
    ["Features used", `${h.used} of ${m.n_features}`],
    ["Test accuracy", withInterval(scoreOf(headIndex.value, "test"), m.split_sizes.test)],
    [capital(denseWords()), withInterval(m.dense_scores.test, m.split_sizes.test)],
    ["Agrees with the network", percent(p?.fidelity)],
  ];
  return <Facts facts={facts.filter(([, v]) => v !== "–")} />;
}

function series(key: "val" | "test" | "train", name: string, quiet: boolean): Series | null {
  const m = info();
  const n = m.split_sizes[key];
  const points = m.path
    .map((p, i) => ({ x: p.features_per_class, y: p[key], key: i }))
    .filter((p): p is { x: number; y: number; key: number } => p.y != null)
    .map((p) => (quiet || !n ? p : { ...p, low: wilson(p.y, n)[0], high: wilson(p.y, n)[1] }));
  return points.length ? { name, points, quiet } : null;
}

function TradeOff() {
  const m = info();
  const hasTest = m.path.some((p) => p.test != null);
  const main = hasTest ? series("test", "test", false) : series("val", "validation", false);
  const all = [main, hasTest ? series("val", "validation", true) : null].filter((s): s is Series => !!s);
  if (!all.length) return null;
  const key = hasTest ? "test" : "val";
  const markOf = (i: number, name: string, isMain: boolean) => {
    const p = m.heads[i].point == null ? undefined : m.path[m.heads[i].point!];
    const [x, y] = [p?.features_per_class ?? m.heads[i].nonzeros / m.classes.length, scoreOf(i, key)];
    return y != null && x > 0 ? [{ x, y, name, main: isMain }] : [];
  };
  const current = headIndex.value;
  const marks = [
    ...markOf(m.selected, m.heads[m.selected].point == null ? "edited" : "selected", current === m.selected),
    ...(current === m.selected ? [] : markOf(current, "shown", true)),
  ];
  const dense = m.dense_scores[key] ?? m.dense_scores.val;
  return (
    <Section title="How few features are enough">
      <Figure
        name="trade-off"
        title="Accuracy against features a class"
        caption={`${m.path.length} heads along the path. Click the curve or move λ: every page follows. The band is a 95% interval.`}
        sheet={() => ({
          columns: ["lambda", "features_per_class", "features_used", "train", "val", "test", "fidelity", "gap", "status"],
          rows: m.path.map((p) => [
            p.lambda_,
            p.features_per_class,
            p.features_used,
            p.train,
            p.val,
            p.test,
            p.fidelity,
            p.gap,
            p.status,
          ]),
        })}
      >
        <Curve
          series={all}
          references={dense == null ? [] : [{ name: denseWords(), y: dense }]}
          xLabel="features a class, log scale"
          yLabel="accuracy"
          marks={marks}
          format={(y) => percent(y, 0)}
          onPick={(k) => pick(nearest(k))}
          alt={`Accuracy rises with the number of features a class; the selected head uses ${short(
            m.heads[m.selected].nonzeros / m.classes.length,
          )} a class.`}
        />
      </Figure>
    </Section>
  );
}

function nearest(point: number): number {
  const distance = (i: number) => Math.abs((info().heads[i].point ?? 1e9) - point);
  return info().heads.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
}

const FEW = 20;

function Length({ value, max }: { value: number; max: number }) {
  return (
    <svg class="signed-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="plus" width={max > 0 ? (100 * value) / max : 0} y="1.5" height="7" />
    </svg>
  );
}

function PerClass() {
  const m = info();
  const per = m.heads[headIndex.value].per_class;
  const top = Math.max(...per, 1);
  const bin = Math.max(1, Math.ceil((top + 1) / 40));
  const counts = new Array(Math.ceil((top + 1) / bin)).fill(0);
  per.forEach((c) => counts[Math.floor(c / bin)]++);
  if (m.classes.length < 2) return null;
  return (
    <Section title="Features per class">
      <Figure
        name="features-per-class"
        title="How many features each class uses"
        caption={m.classes.length <= FEW ? undefined : `Classes by their number of features${bin > 1 ? `, in steps of ${bin}` : ""}.`}
        drawing={m.classes.length > FEW}
        sheet={() => ({ columns: ["class", "features"], rows: m.classes.map((c, i) => [c, per[i]]) })}
      >
        {m.classes.length <= FEW ? (
          <ul class="weights">
            {m.classes.map((name, c) => (
              <li key={c}>
                <a href={link("class", [c])} dir="auto">
                  {name}
                </a>
                <Length value={per[c]} max={top} />
                <span class="num">{per[c]}</span>
              </li>
            ))}
          </ul>
        ) : (
        <Histogram
          counts={counts}
          from={0}
          to={counts.length * bin}
          integers={bin === 1}
          xLabel="features"
          yLabel="classes"
          marks={[{ x: per.reduce((a, b) => a + b, 0) / per.length + 0.5, name: "mean" }]}
          alt={`Histogram: classes use between ${Math.min(...per)} and ${top} features.`}
        />
        )}
      </Figure>
    </Section>
  );
}

function Certificate() {
  const m = info();
  return (
    <Section title="Can it be trusted?">
      <p class="lede">{m.certificate}</p>
      {m.caveats.length > 0 && (
        <ul class="caveats">
          {m.caveats.map((c) => (
            <li>{c}</li>
          ))}
        </ul>
      )}
    </Section>
  );
}
