// Sentences before and after words were exchanged, with the exchanged words marked.
import type { FindingData } from "../../model/types";
import { covered } from "../../ui/Thumb";
import { Section } from "../../ui/Prose";
import { rowsOf, type Row } from "./sheet";

const MOST = 40;

export function Sentences({ data }: { data: FindingData }) {
  const name = Object.keys(data.tables).find((t) => pair(data.tables[t].columns));
  if (!name) return null;
  const [before, after] = pair(data.tables[name].columns)!;
  const rows = rowsOf(data, name).filter((r) => r[before] && r[after] && r[before] !== r[after]);
  if (!rows.length) return null;
  return (
    <Section title="Sentences that turn">
      <div class={covered() ? "quotes covered" : "quotes"}>
        {rows.slice(0, MOST).map((row, i) => (
          <Turned key={i} row={row} before={before} after={after} />
        ))}
      </div>
    </Section>
  );
}

function pair(columns: string[]): [string, string] | null {
  const before = columns.find((c) => ["sentence", "text", "before"].includes(c));
  const after = columns.find((c) => ["counterfactual", "changed", "after", "new_sentence", "counterfactual_text"].includes(c));
  return before && after ? [before, after] : null;
}

function Turned({ row, before, after }: { row: Row; before: string; after: string }) {
  const old = String(row[before]).split(/(\s+)/);
  const now = String(row[after]).split(/(\s+)/);
  return (
    <p class="quote" dir="auto">
      {old.length === now.length
        ? old.map((word, i) =>
            word === now[i] ? (
              word
            ) : (
              <>
                <del>{word}</del> <ins>{now[i]}</ins>
              </>
            ),
          )
        : [<del>{row[before]}</del>, " ", <ins>{row[after]}</ins>]}
    </p>
  );
}
