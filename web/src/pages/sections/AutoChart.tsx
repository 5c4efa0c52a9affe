// A chart for any table that holds estimates: columns `x`, `x_low`, `x_high`, or `value`, `low`, `high`.
import { Intervals, type Interval } from "../../charts/Intervals";
import type { FindingData, Scalar } from "../../model/types";
import { percent } from "../../ui/format";
import { Figure } from "../../ui/Figure";
import { capital } from "../../ui/words";
import { cellText } from "./cells";
import { labelOf, sheetOf } from "./sheet";

const MOST = 60;
const SHARE = /accuracy|rate|share|fidelity|confusion/;

interface Triple {
  value: string;
  low: string;
  high: string;
}

function triples(columns: string[]): Triple[] {
  const found: Triple[] = [];
  for (const low of columns.filter((c) => c === "low" || c.endsWith("_low"))) {
    const stem = low === "low" ? "" : low.slice(0, -4);
    const high = stem ? `${stem}_high` : "high";
    // What an unnamed interval belongs to stands before it.
    const value = stem
      ? [stem, ...columns.filter((c) => c.startsWith(`${stem}_`) && c !== low && c !== high)].find((c) => columns.includes(c))
      : columns[columns.indexOf(low) - 1];
    if (value && columns.includes(high)) found.push({ value, low, high });
  }
  return found;
}

export function AutoChart({ data, name }: { data: FindingData; name: string }) {
  const sheet = sheetOf(data, name);
  if (!sheet.rows.length || sheet.rows.length > MOST) return null;
  const labels = sheet.columns.map((_, i) => i).filter((i) => sheet.rows.every((r) => typeof r[i] === "string"));
  const first = labels.length ? labels.slice(0, 2) : [0];
  return (
    <>
      {triples(sheet.columns).map((t) => {
        const [v, l, h] = [t.value, t.low, t.high].map((c) => sheet.columns.indexOf(c));
        const list = sheet.rows
          .filter((r) => [r[v], r[l], r[h]].every((x) => typeof x === "number"))
          .map((r): Interval => {
            const words = first.map((i) => cellText(sheet.columns[i], r[i] as Scalar)).join(" · ");
            return { name: words, value: r[v] as number, low: r[l] as number, high: r[h] as number };
          });
        if (list.length < 2) return null;
        const what = t.value === "value" ? name : t.value;
        const title = capital(labelOf(data, what));
        const share = SHARE.test(what) && list.every((e) => e.low >= 0 && e.high <= 1);
        return (
          <Figure
            key={t.value}
            name={`${data.kind}-${name}-${t.value}`}
            title={title}
            caption="With 95% intervals."
            sheet={() => ({ columns: ["name", t.value, "low", "high"], rows: list.map((e) => [e.name, e.value, e.low, e.high]) })}
          >
            <Intervals
              list={list}
              xLabel={data.tables[name].units[t.value] ?? ""}
              alt={`${title} with intervals`}
              format={share ? (v) => percent(v) : undefined}
            />
          </Figure>
        );
      })}
    </>
  );
}
