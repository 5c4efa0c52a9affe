// A study of simulation (paper, Table 25 and Fig. 24): what was shown, what was chosen, and class by class.
import { Intervals, type Interval } from "../../charts/Intervals";
import { Scatter } from "../../charts/Scatter";
import { link } from "../../model/route";
import type { FindingData } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { Section } from "../../ui/Prose";
import { percent } from "../../ui/format";
import { rowsOf, sheetOf, type Row } from "./sheet";

export function Simulated({ data }: { data: FindingData }) {
  const shown = rowsOf(data, "probabilities").filter((r) => typeof r.median === "number");
  const chosen = rowsOf(data, "ranks").filter((r) => typeof r.share === "number");
  const arms = [...new Set(chosen.map((r) => String(r.arm)))];
  return (
    <Section title={data.kind.startsWith("rehearsed") ? "What simulated annotators did" : "What people did"}>
      {chosen.length > 0 && (
        <Figure name="study-ranks" title="How the chosen image ranks for the model" drawing={false} sheet={() => sheetOf(data, "ranks")}>
          <ul class="weights probabilities">
            {chosen.map((r) => (
              <li key={`${r.arm}-${r.rank}`}>
                <span>
                  {String(r.arm)}, rank {String(r.rank)}
                </span>
                <meter min={0} max={1} value={r.share as number} aria-label={`${r.arm}, rank ${r.rank}`} />
                <span class="num">{percent(r.share as number)}</span>
              </li>
            ))}
          </ul>
        </Figure>
      )}
      {shown.length > 1 && (
        <Figure
          name="study-probabilities"
          title="Probability of the target class among the images shown"
          caption="Median, and the range that holds all but the lowest and highest 5%."
          sheet={() => sheetOf(data, "probabilities")}
        >
          <Intervals list={shown.map(quantiles)} xLabel="probability" alt="Target probability by decision layer and rank" />
        </Figure>
      )}
      {arms.length === 2 && <ByClass data={data} arms={arms} />}
    </Section>
  );
}

function quantiles(r: Row): Interval {
  return { name: `${r.arm}, rank ${r.rank}`, value: r.median as number, low: r.p05 as number, high: r.p95 as number };
}

function ByClass({ data, arms: [a, b] }: { data: FindingData; arms: string[] }) {
  const rows = rowsOf(data, "per_class").filter((r) => typeof r[a] === "number" && typeof r[b] === "number");
  if (rows.length < 3) return null;
  return (
    <Figure name="study-classes" title={`Class by class: ${a} against ${b}`} sheet={() => sheetOf(data, "per_class")}>
      <Scatter
        points={rows.map((r) => ({
          x: r[a] as number,
          y: r[b] as number,
          name: `${r.class_name}: ${a} ${percent(r[a] as number, 0)}, ${b} ${percent(r[b] as number, 0)}`,
          href: link("class", [r.class as number]),
        }))}
        xLabel={`share of ${a} tasks answered as the model does`}
        yLabel={b}
        format={(v) => percent(v, 0)}
        alt={`Accuracy of people by class, ${a} against ${b}`}
      />
    </Figure>
  );
}
