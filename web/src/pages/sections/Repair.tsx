// What an edit changed: overall, by group, and the classes that moved most, each with its paired interval.
import { Intervals, type Interval } from "../../charts/Intervals";
import type { FindingData } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { Section } from "../../ui/Prose";
import { rowsOf, type Row } from "./sheet";

const CLASSES = 12;

export function Repair({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "change").filter((r) => typeof r.change === "number");
  const parts = [...new Set(rows.map((r) => String(r.part)))];
  const part = parts.includes("test") ? "test" : parts.at(-1);
  const mine = rows.filter((r) => r.part === part);
  const size = (r: Row) => Math.abs(r.change as number);
  const classes = mine.filter((r) => r.slice === "class").sort((a, b) => size(b) - size(a));
  const shown = [...mine.filter((r) => r.slice !== "class"), ...classes.slice(0, CLASSES)];
  if (!shown.length) return null;
  const list = shown.map((r): Interval => {
    const name = r.slice === "overall" ? "overall" : r.slice === "group" ? `group ${r.name}` : String(r.name);
    return { name, value: 100 * (r.change as number), low: 100 * (r.low as number), high: 100 * (r.high as number) };
  });
  return (
    <Section title={`Change on ${part}`}>
      <Figure
        name="repair-change"
        title="Change of accuracy in points"
        caption={`With 95% intervals${classes.length > CLASSES ? `; of ${classes.length} classes those that moved most` : ""}.`}
        sheet={() => ({ columns: ["name", "change", "low", "high"], rows: list.map((e) => [e.name, e.value, e.low, e.high]) })}
      >
        <Intervals list={list} xLabel="points" alt={`Change of accuracy on ${part}, overall, by group and by class`} />
      </Figure>
    </Section>
  );
}
