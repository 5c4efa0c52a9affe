// Any finding: its sentence, numbers with intervals, what is special to its kind, tables, pictures and caveats.
import { group } from "../model/load";
import { link } from "../model/route";
import { info } from "../model/store";
import type { EstimateData, FindingData, Scalar } from "../model/types";
import { Figure } from "../ui/Figure";
import { Section, Waiting } from "../ui/Prose";
import { Table } from "../ui/Table";
import { useStep } from "../ui/useStep";
import { plural, short, whole } from "../ui/format";
import { Tree } from "./Provenance";
import { cellOf, cellWithoutRows } from "./sections/cells";
import { drawsItself, special } from "./sections";
import { AutoChart } from "./sections/AutoChart";
import { sheetOf } from "./sections/sheet";

export function Findings() {
  return (
    <>
      <header class="page-head">
        <h1>Findings</h1>
      </header>
      <FindingList />
    </>
  );
}

/** Findings about the head first, then those that explain its features. */
export function FindingList() {
  const { findings } = info();
  const order = Array.from(findings.keys()).sort((a, b) => Number(findings[a].explains) - Number(findings[b].explains));
  return (
    <ul class="finding-list">
      {order.map((i) => (
        <li key={i}>
          <a href={link("finding", [i])}>
            <strong>{findings[i].title}</strong>
            <span dir="auto">{findings[i].sentence}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

export function FindingPage({ index }: { index: number }) {
  const list = info().findings;
  const summary = list[index];
  const data = group<FindingData>(`finding-${index}`).value;
  const to = (i: number) => (list[i] ? link("finding", [i]) : undefined);
  useStep(to(index - 1), to(index + 1));
  if (!summary) return <h1>There is no such finding</h1>;
  return (
    <>
      <header class="page-head">
        <div>
          <p class="eyebrow">{summary.kind.replaceAll("_", " ")}</p>
          <h1>{summary.title}</h1>
          <p class="lede">{summary.sentence}</p>
        </div>
      </header>
      {data ? <FindingBody data={data} /> : <Waiting />}
    </>
  );
}

export function FindingBody({ data }: { data: FindingData }) {
  const numbers = Object.entries(data.numbers);
  const Special = special(data.kind);
  return (
    <>
      {numbers.length > 0 && <Numbers numbers={numbers} />}
      {Special && <Special data={data} />}
      <Media data={data} />
      {Object.keys(data.tables).map((name) => (
        <FindingTable key={name} data={data} name={name} />
      ))}
      {data.caveats.length > 0 && (
        <Section title="Caveats">
          <ul class="caveats">
            {data.caveats.map((c) => (
              <li>{c}</li>
            ))}
          </ul>
        </Section>
      )}
      {Object.keys(data.settings).length > 0 && (
        <details class="settings">
          <summary>Settings</summary>
          <Tree value={data.settings} />
        </details>
      )}
    </>
  );
}

function isEstimate(v: Scalar | EstimateData): v is EstimateData {
  return v !== null && typeof v === "object" && "low" in v;
}

function Numbers({ numbers }: { numbers: [string, Scalar | EstimateData][] }) {
  return (
    <dl class="facts">
      {numbers.map(([name, v]) => (
        <div>
          <dt>{name.replaceAll("_", " ")}</dt>
          <dd>{isEstimate(v) ? <Interval v={v} /> : typeof v === "number" ? short(v) : String(v ?? "–")}</dd>
        </div>
      ))}
    </dl>
  );
}

function Interval({ v }: { v: EstimateData }) {
  return (
    <span title={`${v.method}, ${100 * v.level}% interval`}>
      {short(v.value)}
      <small>
        {" "}
        {short(v.low)} … {short(v.high)}, n = {whole(v.n)}
      </small>
    </span>
  );
}

function FindingTable({ data, name }: { data: FindingData; name: string }) {
  const sheet = sheetOf(data, name);
  return (
    <Section title={name.replaceAll("_", " ")}>
      {!drawsItself(data.kind) && <AutoChart data={data} name={name} />}
      <Figure
        name={`${data.kind}-${name}`}
        title={plural(sheet.rows.length, "row")}
        drawing={false}
        shown
        sheet={() => sheet}
      >
        <Table sheet={sheet} label={name} units={data.tables[name].units} cell={data.table_rows ? cellOf : cellWithoutRows} />
      </Figure>
    </Section>
  );
}

function Media({ data }: { data: FindingData }) {
  const pictures = Object.entries(data.media).filter((e): e is [string, string] => !!e[1]);
  if (!pictures.length) return null;
  return (
    <div class="media">
      {pictures.slice(0, 200).map(([name, src]) => (
        <figure key={name}>
          <img src={src} alt={name.replaceAll("_", " ")} loading="lazy" />
          <figcaption>{name.replaceAll("_", " ")}</figcaption>
        </figure>
      ))}
    </div>
  );
}
