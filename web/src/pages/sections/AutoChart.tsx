// A chart for any table that holds estimates: columns `x`, `x_low`, `x_high`, or `value`, `low`, `high`.
import { Intervals, type Interval } from "../../charts/Intervals";
import type { FindingData, Scalar } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { cellText } from "./cells";
import { sheetOf } from "./sheet";

const MOST = 60;

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
    const value = stem
      ? [stem, ...columns.filter((c) => c.startsWith(`${stem}_`) && c !== low && c !== high)].find((c) => columns.includes(c))
      : ["value", "mean", "rate", "share", "accuracy", "correlation", "weight", "change"].find((c) => columns.includes(c));
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
        const title = t.value.replaceAll("_", " ");
        return (
          <Figure
            key={t.value}
            name={`${data.kind}-${name}-${t.value}`}
            title={title}
            caption="With 95% intervals."
            sheet={() => ({ columns: ["name", t.value, "low", "high"], rows: list.map((e) => [e.name, e.value, e.low, e.high]) })}
          >
            <Intervals list={list} xLabel={data.tables[name].units[t.value] ?? ""} alt={`${title} with intervals`} />
          </Figure>
        );
      })}
    </>
  );
}
