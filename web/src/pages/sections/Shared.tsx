// Pairs of classes that lean on one feature, with the examples of each that activate it most (paper, E.2).
import { features, info, idOf, placeOf } from "../../model/store";
import type { FindingData } from "../../model/types";
import { CartButton } from "../../ui/CartButton";
import { Section } from "../../ui/Prose";
import { Strip } from "../../ui/Thumb";
import { signed } from "../../ui/format";
import { cellOf, FeatureLink, shippedRow } from "./cells";
import { rowsOf, type Row } from "./sheet";

const MOST = 12;

export function Shared({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "pairs");
  const sparse = rows.filter((r) => r.head === "sparse");
  const shown = (sparse.length ? sparse : rows).slice(0, MOST);
  if (!shown.length) return null;
  return (
    <Section title="Shared by two classes" note="For each, the examples of both classes that activate the feature most.">
      <ol class="features">
        {shown.map((row, i) => (
          <Pair key={i} row={row} known={data.table_rows} />
        ))}
      </ol>
    </Section>
  );
}

function Pair({ row, known }: { row: Row; known: boolean }) {
  const id = idOf(String(row.feature));
  const place = placeOf(id);
  const own = (column: string) =>
    known ? ((row[column] ?? []) as unknown as number[]).map(shippedRow).filter((i) => i >= 0) : [];
  const [a, b] = [own("rows_a"), own("rows_b")];
  return (
    <li class="feature-row">
      <div class="feature-name">
        <FeatureLink id={id} />
        <small>
          {signed(Number(row.weight_a))} {cellOf("class", row.class_a)}
        </small>
        <small>
          {signed(Number(row.weight_b))} {cellOf("class", row.class_b)}
        </small>
        <CartButton feature={id} />
      </div>
      <div class="two-strips">
        {a.length + b.length ? (
          <>
            <Strip line rows={a} />
            <Strip line rows={b} />
          </>
        ) : (
          info().kind !== "array" && <Strip line rows={(features.value?.top[place] ?? []).slice(0, 12)} />
        )}
      </div>
    </li>
  );
}
