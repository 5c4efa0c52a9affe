// Two heads on the same examples: what was gained, lost and changed.
import { useEffect, useState } from "preact/hooks";
import { score } from "../model/engine";
import { link, param, set } from "../model/route";
import { className, dense, examples, head, headIndex, headOf, info, nameOf } from "../model/store";
import type { Head } from "../model/head";
import type { Scores } from "../model/protocol";
import { effect, sampleWords, uniformRows } from "../model/stats";
import { Figure } from "../ui/Figure";
import { useSlowly } from "../ui/Later";
import { Section, Waiting } from "../ui/Prose";
import { Table } from "../ui/Table";
import { percent, plural, short } from "../ui/format";
import { EffectView } from "./Edit";

export function headWords(i: number): string {
  const m = info();
  const h = m.heads[i];
  return h.name || `${short(h.nonzeros / m.classes.length)} features a class${i === m.selected ? ", selected" : ""}`;
}

function otherName(): string {
  const m = info();
  const asked = param("b");
  if (asked === "network" && m.has_network) return "network";
  if (asked === "against" && m.against?.comparable) return "against";
  const i = Number(asked);
  if (asked !== "" && Number.isInteger(i) && i >= 0 && i < m.heads.length) return `head-${i}`;
  if (m.against?.comparable) return "against";
  if (m.has_network) return "network";
  return `head-${m.heads.length - 1}`;
}

function useScores(name: string): Scores | undefined {
  const [scores, setScores] = useState<{ name: string; s: Scores }>();
  useEffect(() => {
    let live = true;
    if (name === "network") return;
    void score(name).then((s) => live && setScores({ name, s }));
    return () => {
      live = false;
    };
  }, [name]);
  const ex = examples.value;
  if (name === "network") return ex ? { predicted: ex.network, bits: ex.network_bits } : undefined;
  return scores?.name === name ? scores.s : undefined;
}

export function Compare() {
  const m = info();
  const a = `head-${headIndex.value}`;
  const b = otherName();
  const [first, second] = [useScores(a), useScores(b)];
  // What is on the left came before: another run's head, the network, or a head that was picked.
  const words = b === "network" ? "the network" : b === "against" ? m.against!.title : headWords(Number(b.slice(5)));
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Compare</h1>
          <p class="lede" dir="auto">
            From {words} to the head shown ({headWords(headIndex.value)}).
          </p>
        </div>
        <label class="picker">
          <span>From</span>
          <select value={b.replace("head-", "")} onChange={(e) => set({ b: e.currentTarget.value })}>
            {m.against?.comparable && <option value="against">{m.against.title}</option>}
            {m.has_network && <option value="network">the network</option>}
            {m.heads.map((_, i) => (
              <option value={i}>{headWords(i)}</option>
            ))}
          </select>
        </label>
      </header>
      {m.against && <Against />}
      {first && second ? (
        <Section title="On the same examples" note={`On ${sampleWords(uniformRows().length)}.`}>
          <EffectView e={effect(second, first, uniformRows())} />
        </Section>
      ) : (
        <Waiting />
      )}
      {b !== "network" && <Weights name={b} />}
      {b === "network" && dense.value && <p class="note">The weights of the dense layer are beside the sparse ones on each class’s page.</p>}
    </>
  );
}

function Against() {
  const { against, ...m } = info();
  const rows: [string, string, string][] = [
    ["Features a class", short(against!.features_per_class), short(m.heads[m.selected].nonzeros / m.classes.length)],
    ["Features used", short(against!.features_used), short(m.heads[m.selected].used)],
    ...(["val", "test"] as const).map((split): [string, string, string] => [
      split === "val" ? "Validation accuracy" : "Test accuracy",
      percent(against!.scores[split]),
      percent(m.scores[split]),
    ]),
  ];
  const sheet = { columns: ["what", against!.title, m.title], rows };
  return (
    <Section title="The two runs">
      {against!.verdict.length > 0 && (
        <p class="note" dir="auto">
          {against!.title}: {against!.verdict.join(" ")}
        </p>
      )}
      <Figure name="runs" title="Side by side" drawing={false} shown sheet={() => sheet}>
        <Table sheet={sheet} label="The two runs" />
      </Figure>
      {!against!.comparable && (
        <p class="note">The two runs have other features or classes, so their heads cannot be compared weight by weight.</p>
      )}
    </Section>
  );
}

/** Class by class: features before and after, gained and lost, and how far the weights moved in all. */
function* moves(before: Head, after: Head): Generator<undefined, number[][]> {
  const rows: number[][] = [];
  for (let c = 0; c < after.nClasses; c++) {
    const x = new Map(before.ofClass(c).map((w) => [w.place, w.weight]));
    const y = new Map(after.ofClass(c).map((w) => [w.place, w.weight]));
    let [moved, gained, lost] = [0, 0, 0];
    for (const [p, w] of x) {
      moved += Math.abs(w - (y.get(p) ?? 0));
      if (!y.has(p)) lost++;
    }
    for (const [p, w] of y)
      if (!x.has(p)) {
        moved += Math.abs(w);
        gained++;
      }
    rows.push([c, x.size, y.size, gained, lost, moved]);
    if (c % 20 === 19) yield;
  }
  return rows;
}

function Weights({ name }: { name: string }) {
  const before = headOf(name);
  const after = head.value;
  const rows = useSlowly(function* () {
    return before && after ? yield* moves(before, after) : undefined;
  }, [before, after]);
  if (!before || !after || !rows) return <Waiting />;
  const { shipped, classes } = info();
  const used = (h: Head) => new Set(h.data.feature);
  const [a, b] = [used(before), used(after)];
  const gone = [...a].filter((p) => !b.has(p));
  const fresh = [...b].filter((p) => !a.has(p));
  const sheet = { columns: ["class", "features before", "features after", "gained", "lost", "weight moved"], rows };
  const list = (places: number[]) =>
    places.slice(0, 40).map((p) => (
      <a class="chip" href={link("feature", [shipped[p]])} dir="auto">
        {nameOf(shipped[p])}
      </a>
    ));
  return (
    <>
      <Section title="Features" note={`${plural(a.size, "feature")} before, ${b.size} after.`}>
        {gone.length > 0 && (
          <div class="band-row">
            <h3>
              Lost <small>{gone.length}</small>
            </h3>
            <div class="chips">{list(gone)}</div>
          </div>
        )}
        {fresh.length > 0 && (
          <div class="band-row">
            <h3>
              Gained <small>{fresh.length}</small>
            </h3>
            <div class="chips">{list(fresh)}</div>
          </div>
        )}
        {!gone.length && !fresh.length && <p class="note">Both use the same features.</p>}
      </Section>
      <Section title="Classes">
        <Figure name="compare-classes" title={plural(classes.length, "class", "classes")} drawing={false} shown sheet={() => sheet}>
          <Table
            sheet={sheet}
            label="Change by class"
            cell={(column, v) => (column === "class" ? <a href={link("class", [v as number])}>{className(v as number)}</a> : short(v as number))}
          />
        </Figure>
      </Section>
    </>
  );
}
