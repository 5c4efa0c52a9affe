// Which classes are taken for which, and whether sharing features goes with it.
import { useMemo } from "preact/hooks";
import { Matrix, type Cell } from "../charts/Matrix";
import { Scatter } from "../charts/Scatter";
import { shown, wantScores } from "../model/engine";
import type { Head } from "../model/head";
import { go, link, param, set } from "../model/route";
import { className, examples, head, info } from "../model/store";
import { sampleWords, uniformRows } from "../model/stats";
import { Figure } from "../ui/Figure";
import { Later, useSlowly } from "../ui/Later";
import { Section, Waiting } from "../ui/Prose";
import { Table } from "../ui/Table";
import { plural, short } from "../ui/format";

export interface Confusions {
  cells: Cell[];
  total: Int32Array;
  n: number;
}

export function confusions(predicted: Int32Array): Confusions {
  const ex = examples.value!;
  const k = info().classes.length;
  const counts = new Map<number, number>();
  const total = new Int32Array(k);
  const rows = uniformRows();
  for (const i of rows) {
    const key = ex.label[i] * k + predicted[i];
    counts.set(key, (counts.get(key) ?? 0) + 1);
    total[ex.label[i]]++;
  }
  const cells = [...counts].map(([key, count]) => ({ row: Math.floor(key / k), column: key % k, count }));
  return { cells, total, n: rows.length };
}

export interface PairRow {
  a: number;
  b: number;
  confused: number;
  rate: number;
  shared: number;
}

/** Pairs of classes: how often one is taken for the other, and the features that both use. */
export function* pairs(h: Head, { cells, total }: Confusions, limit = 4000): Generator<undefined, PairRow[]> {
  const k = h.nClasses;
  const used: Set<number>[] = [];
  for (let c = 0; c < k; c++) {
    used.push(h.placesOf(c));
    if (c % 50 === 49) yield;
  }
  const counts = new Map<number, [number, number]>();
  for (const { row, column, count } of cells) {
    if (row === column || column < 0) continue;
    const key = Math.min(row, column) * k + Math.max(row, column);
    const entry = counts.get(key) ?? [0, 0];
    entry[0] += count;
    entry[1] = Math.max(entry[1], count / Math.max(total[row], 1));
    counts.set(key, entry);
  }
  const sharedOf = (a: number, b: number) => {
    let n = 0;
    for (const p of used[a]) if (used[b].has(p)) n++;
    return n;
  };
  const row = (a: number, b: number): PairRow => {
    const [confused, rate] = counts.get(a * k + b) ?? [0, 0];
    return { a, b, confused, rate, shared: sharedOf(a, b) };
  };
  const out: PairRow[] = [];
  for (const key of counts.keys()) {
    out.push(row(Math.floor(key / k), key % k));
    if (out.length % 200 === 0) yield;
  }
  // Of the pairs never confused an even spread is enough: there may be half a million.
  const step = Math.max(1, Math.floor((k * (k - 1)) / 2 / limit));
  let skip = 0;
  for (let a = 0; a < k; a++) {
    let b = a + 1 + skip;
    for (; b < k; b += step) if (!counts.has(a * k + b)) out.push(row(a, b));
    skip = b - k;
    yield;
  }
  return out.sort((x, y) => y.rate - x.rate || y.shared - x.shared);
}

export function Confusion() {
  wantScores();
  const m = info();
  const h = head.value;
  const s = shown.value;
  const made = useMemo(() => (s && examples.value && !m.many_labels ? confusions(s.predicted) : undefined), [s, examples.value]);
  const list = useSlowly(function* () {
    return made && h ? yield* pairs(h, made) : [];
  }, [made, h]);
  if (m.many_labels)
    return (
      <>
        <h1>Confusion</h1>
        <p class="note">Many labels can hold at once here, so no class is taken for another.</p>
      </>
    );
  if (!made || !h) return <Waiting />;
  const wrong = made.cells.filter((c) => c.row !== c.column);
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Confusion</h1>
          <p class="lede">
            {made.n
              ? `${plural(wrong.reduce((t, c) => t + c.count, 0), "mistake")} of ${sampleWords(made.n)}, in ${plural(new Set(wrong.map((c) => Math.min(c.row, c.column) * m.classes.length + Math.max(c.row, c.column))).size, "pair")} of classes.`
              : "No labelled test examples ship with this page."}
          </p>
        </div>
        <input
          type="search"
          aria-label="Find a class in the matrix"
          placeholder="Find a class"
          value={param("q")}
          onInput={(e) => set({ q: e.currentTarget.value })}
        />
      </header>
      <Figure
        name="confusion"
        title="Truth against prediction"
        caption="Rows are the truth, columns the prediction; the diagonal is left pale. Click a cell for the pair."
        sheet={() => ({
          columns: ["truth", "predicted", "examples"],
          rows: made.cells.map((c) => [className(c.row), className(c.column), c.count]),
        })}
      >
        <Matrix
          names={m.classes}
          cells={made.cells}
          total={made.total}
          find={param("q")}
          onPick={(a, b) => (a === b ? go("class", [a]) : go("pair", [a, b]))}
        />
      </Figure>
      {list ? <PairTable list={list} /> : <Waiting />}
      {list && (
        <Later>
          <SharedScatter list={list} />
        </Later>
      )}
    </>
  );
}

function PairTable({ list }: { list: PairRow[] }) {
  const sheet = {
    columns: ["one class", "the other", "confused", "largest share", "shared features"],
    rows: list.filter((p) => p.confused).map((p) => [p.a, p.b, p.confused, p.rate, p.shared]),
  };
  if (!sheet.rows.length) return null;
  return (
    <Section title="Most confused pairs">
      <Figure name="pairs" title={plural(sheet.rows.length, "pair")} drawing={false} shown sheet={() => named(sheet)}>
        <Table
          sheet={sheet}
          label="Most confused pairs"
          units={{ "largest share": "the larger of the two shares of a class taken for the other" }}
          cell={(column, v) =>
            column === "one class" || column === "the other" ? (
              <a href={link("class", [v as number])} dir="auto">
                {className(v as number)}
              </a>
            ) : column === "largest share" ? (
              `${(100 * (v as number)).toFixed(1)}%`
            ) : (
              short(v as number)
            )
          }
        />
      </Figure>
    </Section>
  );
}

function named<T extends { columns: string[]; rows: number[][] }>(sheet: T) {
  return { columns: sheet.columns, rows: sheet.rows.map(([a, b, ...rest]) => [className(a), className(b), ...rest]) };
}

function SharedScatter({ list }: { list: PairRow[] }) {
  if (list.length < 3) return null;
  if (list.every((p) => !p.shared))
    return (
      <Section title="Do confused classes share features?">
        <p class="note">No two classes use the same feature at this λ.</p>
      </Section>
    );
  return (
    <Section title="Do confused classes share features?">
      <Figure
        name="shared-features"
        title="Shared features against confusion"
        caption={`One dot a pair of classes${list.length >= 4000 ? "; of the pairs never confused an even spread is drawn" : ""}.`}
        sheet={() => ({
          columns: ["first", "second", "shared_features", "largest_share_confused", "confused"],
          rows: list.map((p) => [className(p.a), className(p.b), p.shared, p.rate, p.confused]),
        })}
      >
        <Scatter
          points={list.slice(0, 3000).map((p) => ({
            x: p.shared,
            y: p.rate,
            name: `${className(p.a)} and ${className(p.b)}: ${plural(p.shared, "shared feature")}, ${(100 * p.rate).toFixed(1)}% confused`,
            href: link("pair", [p.a, p.b]),
          }))}
          xLabel="features that both classes use"
          yLabel="largest share of one class taken for the other"
          format={(y) => `${(100 * y).toFixed(0)}%`}
          alt="Scatter of pairs of classes: shared features against confusion"
        />
      </Figure>
    </Section>
  );
}
