// Where everything came from.
import { info } from "../model/store";
import { Section } from "../ui/Prose";
import { Figure } from "../ui/Figure";
import { plural } from "../ui/format";

export function Provenance() {
  const m = info();
  const converged = m.path.filter((p) => p.status === "Converged").length;
  return (
    <>
      <header class="page-head">
        <h1>Provenance</h1>
      </header>
      <Section title="What made this page">
        <Tree value={m.provenance} />
      </Section>
      <Section title="The path">
        <p class="lede">{m.certificate}</p>
        <Figure
          name="path"
          title={`${plural(m.path.length, "point")}, ${converged} certified`}
          drawing={false}
          sheet={() => ({
            columns: ["lambda", "features_per_class", "features_used", "density", "gap", "kkt", "iterations", "status"],
            rows: m.path.map((p) => [
              p.lambda_,
              p.features_per_class,
              p.features_used,
              p.density,
              p.gap,
              p.kkt,
              p.n_iter,
              p.status,
            ]),
          })}
        >
          <p class="note">
            The gap bounds how much better any other head with the same penalty could be, as a share of the loss of a
            head without features. It was computed in double precision.
          </p>
        </Figure>
      </Section>
      <Section title="The examples here">
        <p class="lede">
          {plural(m.n_examples, "example")} of {Object.values(m.split_sizes).reduce((a, b) => a + b, 0) || "an unstated number"}{" "}
          ship with this page. {m.sample_note}
        </p>
      </Section>
      {m.caveats.length > 0 && (
        <Section title="Caveats">
          <ul class="caveats">
            {m.caveats.map((c) => (
              <li>{c}</li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

export function Tree({ value }: { value: unknown }) {
  if (value === null || typeof value !== "object") return <span class="leaf">{String(value ?? "–")}</span>;
  const all = Array.isArray(value) ? value.map((v, i) => [String(i + 1), v] as const) : Object.entries(value);
  const entries = all.filter(([, v]) => v !== null);
  const absent = all.filter(([, v]) => v === null).map(([name]) => name.replaceAll("_", " "));
  if (!all.length) return <span class="leaf">–</span>;
  return (
    <dl class="tree">
      {entries.map(([name, v]) => (
        <div>
          <dt>{name.replaceAll("_", " ")}</dt>
          <dd>
            <Tree value={v} />
          </dd>
        </div>
      ))}
      {absent.length > 0 && (
        <div>
          <dt>not set</dt>
          <dd>{absent.join(", ")}</dd>
        </div>
      )}
    </dl>
  );
}
