// One feature: how it is distributed, what activates it, who uses it, what it goes with.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Histogram } from "../charts/Histogram";
import { Paths } from "../charts/Paths";
import { column } from "../model/engine";
import { whole } from "../model/load";
import { usersIn } from "../model/head";
import type { HeadData } from "../model/types";
import { className, examples, features, head, info, nameOf, placeOf } from "../model/store";
import { link, param, set } from "../model/route";
import { usedFeatures } from "./Features";
import { CartButton } from "../ui/CartButton";
import { useStep } from "../ui/useStep";
import { Explanations } from "../ui/Explanations";
import { Figure } from "../ui/Figure";
import { Later, useGrowing } from "../ui/Later";
import { Facts, Section, Waiting } from "../ui/Prose";
import { SignedBar } from "../ui/WeightBars";
import { Strip } from "../ui/Thumb";
import { plural, short, signed } from "../ui/format";

export function useColumn(place: number): Float32Array | undefined {
  const [values, setValues] = useState<{ place: number; v: Float32Array }>();
  useEffect(() => {
    let live = true;
    if (place >= 0) void column(place).then((v) => live && setValues({ place, v }));
    return () => {
      live = false;
    };
  }, [place]);
  return values?.place === place ? values.v : undefined;
}

export function FeaturePage({ id }: { id: number }) {
  const m = info();
  const place = placeOf(id);
  const values = useColumn(place);
  const f = features.value;
  const h = head.value;
  const used = usedFeatures();
  const at = used.indexOf(id);
  const to = (i: number) => (used[i] === undefined ? undefined : link("feature", [used[i]]));
  useStep(to(at - 1), to(at + 1));
  if (place < 0)
    return (
      <>
        <h1>{nameOf(id)}</h1>
        <p class="note">No head of this page uses this feature, so its values were not shipped.</p>
      </>
    );
  if (!f || !h) return <Waiting />;
  const users = h.classesOf(place);
  const max = Math.max(...users.map((u) => Math.abs(u.weight)), 0);
  return (
    <>
      <header class="page-head">
        <div>
          <p class="eyebrow">Feature {id}</p>
          <h1 dir="auto">{nameOf(id)}</h1>
        </div>
        <CartButton feature={id} />
      </header>
      <Facts
        facts={[
          ["Classes that use it", users.length],
          ["For", users.filter((u) => u.weight > 0).length],
          ["Against", users.filter((u) => u.weight < 0).length],
          ["Largest value here", short(f.edge[2 * place + 1])],
        ]}
      />
      {f.explanations[place].length > 0 && (
        <Section title="What it means">
          <Explanations place={place} />
        </Section>
      )}
      {m.kind !== "array" && (
        <Section title="What activates it most">
          <Later>
            <Strip rows={f.top[place]} size="large" />
          </Later>
        </Section>
      )}
      <Section title="Who uses it">
        {!users.length && <p class="note">No class uses it at this λ.</p>}
        <Figure
          name={`feature-${id}-classes`}
          title={plural(users.length, "class", "classes")}
          drawing={false}
          sheet={() => ({ columns: ["class", "weight"], rows: users.map((u) => [className(u.column), u.weight]) })}
        >
          <ul class="weights">
            {users.slice(0, 40).map((u) => (
              <li key={u.column}>
                <a href={link("class", [u.column])} dir="auto">
                  {className(u.column)}
                </a>
                <SignedBar value={u.weight} max={max} />
                <span class="num">{signed(u.weight)}</span>
              </li>
            ))}
          </ul>
        </Figure>
      </Section>
      <Later frames={2}>
        <Distribution id={id} place={place} values={values} />
      </Later>
      <Later frames={3}>
        <AlongThePath id={id} place={place} />
      </Later>
      <Neighbours place={place} />
      <Mentions id={id} />
    </>
  );
}

/** Findings whose tables name this feature: suspects, verdicts of people, stability. */
function Mentions({ id }: { id: number }) {
  const m = info();
  const list = m.mentions[id] ?? [];
  if (!list.length) return null;
  return (
    <Section title="Findings that name it">
      <ul class="finding-list">
        {list.map((i) => (
          <li key={i}>
            <a href={link("finding", [i])}>
              <strong>{m.findings[i].title}</strong>
              <span>{m.findings[i].sentence}</span>
            </a>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Distribution({ id, place, values }: { id: number; place: number; values: Float32Array | undefined }) {
  const f = features.value!;
  const counts = f.count.subarray(place * f.bins, (place + 1) * f.bins);
  const [from, to] = [f.edge[2 * place], f.edge[2 * place + 1]];
  return (
    <Section title="How it is distributed">
      <Figure
        name={`feature-${id}-histogram`}
        title="Values over the examples here"
        caption="In standard deviations from the training mean; 0 is “off”. Heights are on a log scale."
        sheet={() => ({
          columns: ["from", "to", "examples"],
          rows: Array.from(counts, (c, i) => [
            from + ((to - from) * i) / f.bins,
            from + ((to - from) * (i + 1)) / f.bins,
            c,
          ]),
        })}
      >
        <Histogram
          counts={counts}
          from={from}
          to={to}
          log
          xLabel="value, in standard deviations"
          yLabel="examples"
          marks={from < 0 && to > 0 ? [{ x: 0, name: "off" }] : []}
          alt={`Histogram of the feature from ${short(from)} to ${short(to)}`}
        />
      </Figure>
      {values ? <Intervals values={values} /> : <Waiting />}
    </Section>
  );
}

const BANDS = [
  ["top 1%", 0.99, 1],
  ["95–99%", 0.95, 0.99],
  ["75–95%", 0.75, 0.95],
  ["25–75%", 0.25, 0.75],
  ["lowest 25%", 0, 0.25],
] as const;

/** Examples from each interval of the feature, spread evenly through it. */
function Intervals({ values }: { values: Float32Array }) {
  const ex = examples.value;
  const grown = useGrowing(BANDS.length, 1);
  const order = useMemo(() => new Uint32Array(values.keys()).sort((a, b) => values[a] - values[b]), [values]);
  if (!ex || info().kind === "array") return null;
  const count = 20;
  const band = Number(param("band") || 0);
  const shown = info().kind === "text" ? BANDS.filter((_, i) => i === band) : BANDS;
  return (
    <>
      {info().kind === "text" && (
        <div class="tabs" role="group" aria-label="Interval">
          {BANDS.map(([name], i) => (
            <button aria-pressed={i === band} onClick={() => set({ band: i ? String(i) : "" })}>
              {name}
            </button>
          ))}
        </div>
      )}
      <div class="bands">
        {shown.slice(0, grown).map(([name, a, b]) => {
          const low = Math.floor(a * order.length);
          const slice = order.slice(low, Math.max(Math.ceil(b * order.length), low + 1));
          const n = Math.min(info().kind === "text" ? 8 : count, slice.length);
          const rows = Array.from({ length: n }, (_, i) => slice[Math.floor(((i + 0.5) * slice.length) / n)]).reverse();
          return (
            <div class="band-row">
              <h3>
                {name}
                <small>
                  {short(values[slice[0]])} … {short(values[slice.at(-1)!])}
                </small>
              </h3>
              <Strip line rows={rows} />
            </div>
          );
        })}
      </div>
    </>
  );
}

const LINES = 6;

/** For each of some heads the classes that use a feature and its weights; the heads are fetched one by one. */
function useUsers(numbers: number[], place: number): Map<number, number>[] | undefined {
  const [found, setFound] = useState<{ place: number; list: Map<number, number>[] }>();
  useEffect(() => {
    let live = true;
    const list: Map<number, number>[] = [];
    const read = async () => {
      for (const i of numbers) {
        if (!live) return;
        list.push(usersIn(await whole<HeadData>(`head-${i}`), place));
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      if (live) setFound({ place, list });
    };
    void read();
    return () => {
      live = false;
    };
  }, [place]);
  return found?.place === place ? found.list : undefined;
}

/** How steady it is: its weights in every head of the page, for the classes that use it most here. */
function AlongThePath({ id, place }: { id: number; place: number }) {
  const m = info();
  const numbers = Array.from(m.heads.keys()).filter((i) => m.heads[i].lambda_);
  const heads = useUsers(numbers, place);
  if (numbers.length < 3) return null;
  if (!heads) return <Waiting />;
  const most = new Map<number, number>();
  heads.forEach((h) => h.forEach((weight, c) => most.set(c, Math.max(most.get(c) ?? 0, Math.abs(weight)))));
  const classes = [...most.keys()].sort((a, b) => most.get(b)! - most.get(a)!).slice(0, m.margin ? 1 : LINES);
  const lines = classes.map((c) => ({ id: c, name: className(c), values: heads.map((h) => h.get(c) ?? 0) }));
  const inUse = heads.filter((h) => h.size > 0).length;
  const steady = [...most.keys()].filter((c) => {
    const signs = new Set(heads.map((h) => Math.sign(h.get(c) ?? 0)).filter(Boolean));
    return signs.size === 1;
  }).length;
  const lambdas = numbers.map((i) => m.heads[i].lambda_!);
  return (
    <Section
      title="How steady it is"
      note={`In use in ${inUse} of ${heads.length} heads along the path; for ${steady} of ${plural(most.size, "class", "classes")} its sign never turns.`}
    >
      <Figure
        name={`feature-${id}-path`}
        title="Its weight along the path"
        caption={most.size > classes.length ? `The ${plural(classes.length, "class", "classes")} with the largest weights.` : undefined}
        sheet={() => ({
          columns: ["lambda", ...lines.map((l) => l.name)],
          rows: lambdas.map((l, i) => [l, ...lines.map((line) => line.values[i])]),
        })}
      >
        <Paths lambdas={lambdas} lines={lines} alt="The weight of the feature for each class as λ falls" />
      </Figure>
    </Section>
  );
}

function Neighbours({ place }: { place: number }) {
  const f = features.value!;
  const n = f.n_neighbours;
  if (!n) return null;
  const list = Array.from({ length: n }, (_, i) => ({
    id: info().shipped[f.neighbours[place * n + i]],
    r: f.correlation[place * n + i],
  }));
  return (
    <Section title="What it goes with" note="Correlation, over the randomly drawn test examples, with other features that heads of this page use.">
      <ul class="weights">
        {list.map(({ id, r }) => (
          <li key={id}>
            <a href={link("feature", [id])}>{nameOf(id)}</a>
            <SignedBar value={r} max={1} />
            <span class="num">{signed(r)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
