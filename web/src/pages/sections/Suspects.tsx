// Suspicious features with their evidence: what they follow, what they should, and the examples that show it.
import { headIndex, idOf, info, placeOf, features } from "../../model/store";
import type { FindingData } from "../../model/types";
import { CartButton } from "../../ui/CartButton";
import { Section } from "../../ui/Prose";
import { SignedBar } from "../../ui/WeightBars";
import { Strip } from "../../ui/Thumb";
import { signed } from "../../ui/format";
import { cellOf, FeatureLink, shippedRow } from "./cells";
import { rowsOf, type Row } from "./sheet";

const MOST = 10;

export function Suspects({ data }: { data: FindingData }) {
  void headIndex.value;
  const rows = rowsOf(data, "suspects").slice(0, MOST);
  if (!rows.length) return null;
  return (
    <Section title="The most suspicious" note="How strongly each follows the cue and how strongly the label, with its examples.">
      <ol class="features">
        {rows.map((row, i) => (
          <Suspect key={i} row={row} known={data.table_rows} />
        ))}
      </ol>
    </Section>
  );
}

function Suspect({ row, known }: { row: Row; known: boolean }) {
  const id = typeof row.number === "number" ? row.number : typeof row.feature === "string" ? idOf(row.feature) : Number(row.feature);
  const given = (known ? (row.examples ?? []) : []) as unknown as number[];
  const shipped = given.map(shippedRow).filter((i) => i >= 0);
  const place = placeOf(id);
  const own = (features.value?.top[place] ?? []).slice(0, 12);
  const strip = shipped.length > own.length ? shipped : own;
  const bars: [string, unknown][] = [
    ["follows the cue", row.cue_correlation],
    ["follows the label", row.label_correlation],
  ];
  return (
    <li class="feature-row">
      <div class="feature-name">
        <FeatureLink id={id} />
        <small>for {cellOf("class", row.class)}</small>
        {bars
          .filter((b): b is [string, number] => typeof b[1] === "number")
          .map(([words, r]) => (
            <span class="feature-weight named">
              <small>{words}</small>
              <span class="num">{signed(r)}</span>
              <SignedBar value={r} max={1} />
            </span>
          ))}
        <CartButton feature={id} />
      </div>
      <div>{info().kind !== "array" && <Strip line rows={strip} />}</div>
    </li>
  );
}
