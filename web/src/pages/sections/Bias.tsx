// Rates by group and head: beside each group the heads one under another, so that they can be compared.
import { Intervals, type Interval } from "../../charts/Intervals";
import type { FindingData } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { Section } from "../../ui/Prose";
import { percent } from "../../ui/format";
import { rowsOf, sheetOf, type Row } from "./sheet";

const MOST = 60;

/** Words that name groups (paper, Figs 26 and 27), for and against each class. */
export function BiasWords({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "words").filter((r) => typeof r.share === "number");
  const place = (r: Row) => `${r.class}, ${r.direction}`;
  return <Rates data={data} table="words" title="Share of the top words that name a group" rows={rows} place={place} value="share" />;
}

/** Error rates where a group is mentioned, one chart for each kind of error. */
export function BiasErrors({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "rates");
  const kinds = [...new Set(rows.map((r) => String(r.rate)))];
  return (
    <>
      {kinds.map((kind) => (
        <Rates
          key={kind}
          data={data}
          table="rates"
          title={`${kind.charAt(0).toUpperCase()}${kind.slice(1)} rate where a group is mentioned`}
          rows={rows.filter((r) => r.rate === kind)}
          place={(r) => String(r.group)}
          value="value"
        />
      ))}
    </>
  );
}

interface Props {
  data: FindingData;
  table: string;
  title: string;
  rows: Row[];
  place: (row: Row) => string;
  value: string;
}

function Rates({ data, table, title, rows, place, value }: Props) {
  if (!rows.length) return null;
  const places = [...new Set(rows.map(place))];
  const sorted = [...rows].sort((a, b) => places.indexOf(place(a)) - places.indexOf(place(b))).slice(0, MOST);
  const list = sorted.map((r): Interval => {
    const n = typeof r.n === "number" ? `, n = ${r.n}` : "";
    return { name: `${place(r)} · ${r.head}${n}`, value: r[value] as number, low: r.low as number, high: r.high as number };
  });
  return (
    <Section title={title}>
      <Figure name={`${data.kind}-${table}`} title="By group and head" caption="With 95% intervals." sheet={() => sheetOf(data, table)}>
        <Intervals list={list} xLabel="share" alt={title} format={(v) => percent(v)} />
      </Figure>
    </Section>
  );
}
