// A pattern pasted into pictures of other classes: how often they turn, beside a control patch that hides as much.
import { Intervals, type Interval } from "../../charts/Intervals";
import type { FindingData } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { Section } from "../../ui/Prose";
import { percent } from "../../ui/format";
import { rowsOf, sheetOf, type Row } from "./sheet";

export function Pasted({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "rates").filter((r) => typeof r.value === "number");
  const turned = rows.filter((r) => r.patch !== "difference");
  const gained = rows.filter((r) => r.patch === "difference");
  if (!turned.length) return null;
  const target = typeof data.settings.target === "string" ? data.settings.target : "the class";
  const about = `Share of the other pictures that turn to ${target}`;
  return (
    <Section title="With the pattern and with a control" note="The pattern means the class where it turns more pictures than the control does.">
      <Figure name="pasted-rates" title={about} caption="With 95% intervals." sheet={() => sheetOf(data, "rates")}>
        <Intervals list={turned.map(estimate)} xLabel="share" alt={about} format={(v) => percent(v)} />
      </Figure>
      {gained.length > 0 && (
        <Figure
          name="pasted-difference"
          title="The pattern less the control"
          caption="An interval that holds zero is no proof."
          sheet={() => sheetOf(data, "rates")}
        >
          <Intervals list={gained.map(estimate)} xLabel="difference of the shares" alt="The pattern less the control" />
        </Figure>
      )}
    </Section>
  );
}

function estimate(r: Row): Interval {
  const n = typeof r.n === "number" ? `, n = ${r.n}` : "";
  const name = r.patch === "difference" ? `${r.head}${n}` : `${r.head} · ${r.patch}${n}`;
  return { name, value: r.value as number, low: r.low as number, high: r.high as number };
}
