// Confusion against shared features on the whole test set, and the features that confused pairs share (paper, G.3).
import { Scatter } from "../../charts/Scatter";
import { link } from "../../model/route";
import { info } from "../../model/store";
import type { FindingData } from "../../model/types";
import { Figure } from "../../ui/Figure";
import { rowsOf, sheetOf } from "./sheet";

export function Confused({ data }: { data: FindingData }) {
  const rows = rowsOf(data, "pairs");
  if (rows.length < 3 || rows.every((r) => !r.shared)) return null;
  const at = (name: unknown) => info().classes.indexOf(String(name));
  return (
    <Figure name="confusion-shared" title="Shared features against confusion" caption="One dot a pair of classes." sheet={() => sheetOf(data, "pairs")}>
      <Scatter
        points={rows.map((r) => ({
          x: Number(r.shared),
          y: Number(r.confusion),
          name: `${r.class_a} and ${r.class_b}: ${r.shared} shared, ${(100 * Number(r.confusion)).toFixed(1)}% confused`,
          href: link("pair", [at(r.class_a), at(r.class_b)]),
        }))}
        xLabel="features that both classes use"
        yLabel="larger share of one class taken for the other"
        format={(y) => `${(100 * y).toFixed(0)}%`}
        alt="Pairs of classes: shared features against confusion"
      />
    </Figure>
  );
}
