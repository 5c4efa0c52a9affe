// Two heads on the same rows: the examples whose answer changed for the better and for the worse.
import type { FindingData } from "../../model/types";
import { Section } from "../../ui/Prose";
import { Strip } from "../../ui/Thumb";
import { plural } from "../../ui/format";
import { shippedRow } from "./cells";
import { rowsOf, type Row } from "./sheet";

const MOST = 24;

export function Changed({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "flips");
  if (!rows.length || !data.table_rows) return null;
  const [first, second] = (data.settings.names as string[] | undefined) ?? ["the first", "the second"];
  return (
    <Section title="Answers that changed">
      <Band title={`Right with ${second}, wrong with ${first}`} rows={rows.filter((r) => r.second === r.truth)} />
      <Band title={`Right with ${first}, wrong with ${second}`} rows={rows.filter((r) => r.first === r.truth)} />
    </Section>
  );
}

function Band({ title, rows }: { title: string; rows: Row[] }) {
  const shipped = rows.map((r) => shippedRow(r.row as number)).filter((i) => i >= 0);
  if (!rows.length) return null;
  return (
    <div class="band-row">
      <h3 dir="auto">
        {title} <small>{plural(rows.length, "example")}</small>
      </h3>
      <Strip rows={shipped.slice(0, MOST)} />
    </div>
  );
}
