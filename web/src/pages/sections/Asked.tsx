// Studies of spurious features and of errors (paper, sections 4.1 and 3.3): what people saw, pair by pair and input by input.
import type { ComponentChildren } from "preact";
import { features, info, placeOf } from "../../model/store";
import type { FindingData, Scalar } from "../../model/types";
import { Words } from "../../ui/Explanations";
import { Section } from "../../ui/Prose";
import { covered, Strip, Thumb } from "../../ui/Thumb";
import { plural } from "../../ui/format";
import { CartButton } from "../../ui/CartButton";
import { cellOf, FeatureLink, shippedRow } from "./cells";
import { rowsOf, type Row } from "./sheet";

const MOST = 12;
const WORDS = 40;
const ROLES: [string, string][] = [
  ["f_l", "of the true class"],
  ["f_p", "of the predicted class"],
  ["f_r", "at random"],
];

/** Features that two classes share, those called surroundings first, and the words that people described them with. */
export function CommonPatterns({ data }: { data: FindingData }) {
  const simulated = data.kind.startsWith("rehearsed");
  const words = rowsOf(data, "descriptions").slice(0, WORDS);
  const seen = rowsOf(data, "verdicts").filter((r) => r.pattern);
  const sorted = [...seen].sort((a, b) => called(b).length - called(a).length);
  return (
    <>
      {words.length > 0 && (
        <Section title={`How ${simulated ? "simulated annotators" : "people"} described what they saw`} note="A word is larger the more answers use it.">
          <div class={covered() ? "covered" : undefined}>
            <Words words={words.map((r) => [String(r.word), Number(r.answers)])} />
          </div>
        </Section>
      )}
      {sorted.length > 0 && (
        <Section
          title="Pairs with a common pattern"
          note={`${plural(seen.length, "pair")}, ${seen.filter((r) => called(r).length).length} of them called surroundings for at least one class.`}
        >
          <ol class="features">
            {sorted.slice(0, MOST).map((row, i) => (
              <Pair key={i} row={row} />
            ))}
          </ol>
        </Section>
      )}
    </>
  );
}

function called(row: Row): string[] {
  return ["where_a", "where_b"].filter((c) => row[c] === "surroundings");
}

function Pair({ row }: { row: Row }) {
  const id = row.feature as number;
  return (
    <li class="feature-row">
      <div class="feature-name">
        <FeatureLink id={id} />
        {["a", "b"].map((x) => (
          <small key={x}>
            {cellOf("class", row[`class_${x}`])}: {String(row[`where_${x}`] ?? "undecided")}
          </small>
        ))}
        <small>{String(row.arm)}</small>
        <CartButton feature={id} />
      </div>
      <div>{info().kind !== "array" && <Strip line rows={(features.value?.top[placeOf(id)] ?? []).slice(0, 12)} />}</div>
    </li>
  );
}

/** Wrong answers with the features that people were shown, and whether each matched. */
export function Matched({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "verdicts").filter((r) => data.table_rows && shippedRow(r.row as number) >= 0);
  const bands = ROLES.map(([role, words]): [string, Row[]] => [words, rows.filter((r) => r.best === role)]);
  if (!rows.length) return null;
  return (
    <Section title="Wrong answers, by the feature that matched better">
      {bands.map(([words, mine]) => mine.length > 0 && <Band key={words} words={words} rows={mine} />)}
    </Section>
  );
}

function Band({ words, rows }: { words: string; rows: Row[] }) {
  return (
    <div class="band-row">
      <h3>
        The feature {words} <small>{plural(rows.length, "input")}</small>
      </h3>
      <ul class="cards">
        {rows.slice(0, MOST).map((row, i) => (
          <li key={i} class="judged">
            <Thumb row={shippedRow(row.row as number)} size="large" />
            <small>
              is {cellOf("truth", row.label)}, taken for {cellOf("predicted", row.predicted)}
            </small>
            {ROLES.map(([role, of]) => judged(row, role, of))}
          </li>
        ))}
      </ul>
    </div>
  );
}

function judged(row: Row, role: string, of: string): ComponentChildren {
  const matches: Scalar = row[`matches_${role}`];
  if (matches === null || matches === undefined) return null;
  return (
    <small key={role}>
      {matches ? "✓ matches" : "✗ does not match"}: {typeof row[role] === "number" ? <FeatureLink id={row[role] as number} /> : "one"} {of}
    </small>
  );
}
