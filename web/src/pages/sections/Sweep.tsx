// A curve for each column of accuracies in a table that sweeps over something.
import { Curve, type Series } from "../../charts/Curve";
import type { FindingData } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { percent } from "../../ui/format";
import { words } from "../../ui/words";
import { rowsOf, sheetOf } from "./sheet";

const ALONG = ["features_per_class", "removed", "removals", "n_removed", "k"];

export function Sweep({ data }: { data: FindingData }) {
  const name = Object.keys(data.tables).find((t) => ALONG.some((c) => data.tables[t].columns.includes(c)));
  if (!name) return null;
  const rows = rowsOf(data, name);
  const { columns } = data.tables[name];
  const x = ALONG.find((c) => columns.includes(c))!;
  const accuracies = columns.filter((c) => c.endsWith("_accuracy"));
  const series: Series[] = accuracies.map((c, s) => ({
    name: words(c.replace("_accuracy", "")),
    quiet: s !== accuracies.length - 1,
    points: rows.flatMap((r, i) => (typeof r[c] === "number" ? [{ x: Number(r[x]), y: r[c] as number, key: i }] : [])),
  }));
  const drawn = series.filter((s) => s.points.some((p) => p.x > 0)).reverse();
  if (!drawn.length) return null;
  const references = rowsOf(data, "dense").flatMap((r) =>
    words(String(r.split)) === drawn[0].name && typeof r.value === "number" ? [{ name: "dense", y: r.value }] : [],
  );
  const selected = data.numbers[x];
  const at = drawn[0].points.find((p) => p.x === selected && p.x > 0);
  const marks = at ? [{ x: at.x, y: at.y, name: "selected", main: true }] : [];
  return (
    <Figure name={`${data.kind}-curve`} title={`Accuracy against ${x.replaceAll("_", " ")}`} sheet={() => sheetOf(data, name)}>
      <Curve
        series={drawn}
        references={references}
        xLabel={`${x.replaceAll("_", " ")}, log scale`}
        yLabel="accuracy"
        marks={marks}
        format={(v) => percent(v, 0)}
        alt={`Accuracy against ${x.replaceAll("_", " ")}`}
      />
    </Figure>
  );
}
