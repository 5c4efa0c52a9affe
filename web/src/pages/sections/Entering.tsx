// When features enter the path, class by class (paper, Figs 12–15): weights against λ, first come first listed.
import { useState } from "preact/hooks";
import { Paths } from "../../charts/Paths";
import { placeOf } from "../../model/store";
import type { FindingData } from "../../model/types";
import { Explanations } from "../../ui/Explanations";
import { Figure } from "../../ui/Figure";
import { Section } from "../../ui/Prose";
import { cellText, FeatureLink } from "./cells";
import { columnOf, rowsOf } from "./sheet";

export function Entering({ data }: { data: FindingData }) {
  const lambdas = columnOf(data, "lambdas", "lambda") as number[];
  const paths = rowsOf(data, "paths");
  const entries = rowsOf(data, "entries");
  const classes = [...new Set(paths.map((p) => String(p.class)))];
  const [shown, setShown] = useState(classes[0] ?? "");
  if (!lambdas.length || !paths.length) return null;
  const lines = paths
    .filter((p) => String(p.class) === shown)
    .map((p) => ({ id: Number(p.feature), name: cellText("feature", p.feature), values: p.weights as unknown as number[] }));
  const order = entries.filter((e) => String(e.class) === shown);
  return (
    <Section title="Weights along the path">
      <label class="picker">
        <span>Class</span>
        <select value={shown} onChange={(e) => setShown(e.currentTarget.value)}>
          {classes.map((c) => (
            <option value={c}>{c}</option>
          ))}
        </select>
      </label>
      <Figure
        name={`ordering-${shown}`}
        title={`Weights for ${shown} as λ falls`}
        sheet={() => ({ columns: ["lambda", ...lines.map((l) => l.name)], rows: lambdas.map((x, i) => [x, ...lines.map((l) => l.values[i])]) })}
      >
        <Paths lambdas={lambdas} lines={lines} alt={`Weights of ${lines.length} features along the path`} />
      </Figure>
      <ol class="entering">
        {order.map((e) => (
          <li key={String(e.feature)}>
            <FeatureLink id={Number(e.feature)} />
            <Explanations place={placeOf(Number(e.feature))} brief />
          </li>
        ))}
      </ol>
    </Section>
  );
}
