// Any finding: its sentence, numbers with intervals, tables, pictures and caveats.
import { group } from "../model/load";
import { info } from "../model/store";
import type { EstimateData, FindingData, Scalar } from "../model/types";
import { Figure } from "../ui/Figure";
import { Section, Waiting } from "../ui/Prose";
import { Table } from "../ui/Table";
import type { Sheet } from "../ui/export";
import { plural, short } from "../ui/format";
import { Tree } from "./Provenance";

export function FindingPage({ index }: { index: number }) {
  const summary = info().findings[index];
  const data = group<FindingData>(`finding-${index}`).value;
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
  const settings = Object.keys(data.settings).length > 0;
  return (
    <>
      {numbers.length > 0 && <Numbers numbers={numbers} />}
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
      {settings && (
        <details class="settings">
          <summary>Settings</summary>
          <Tree value={data.settings} />
        </details>
      )}
    </>
  );
}

export function isEstimate(v: Scalar | EstimateData): v is EstimateData {
  return v !== null && typeof v === "object" && "low" in v;
}

export function Numbers({ numbers }: { numbers: [string, Scalar | EstimateData][] }) {
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
    <span title={`${v.method}, ${100 * v.level} % interval`}>
      {short(v.value)}
      <small>
        {" "}
        {short(v.low)} … {short(v.high)}, n = {v.n.toLocaleString("en-US")}
      </small>
    </span>
  );
}

export function sheetOf(data: FindingData, name: string): Sheet {
  const { columns } = data.tables[name];
  const lists = columns.map((c) => (data as unknown as Record<string, Scalar[]>)[`table/${name}/${c}`] ?? []);
  return { columns, rows: (lists[0] ?? []).map((_, i) => lists.map((l) => l[i])) };
}

function FindingTable({ data, name }: { data: FindingData; name: string }) {
  const sheet = sheetOf(data, name);
  return (
    <Section title={name.replaceAll("_", " ")}>
      <Figure
        name={`${data.kind}-${name}`}
        title={plural(sheet.rows.length, "row")}
        drawing={false}
        shown
        sheet={() => sheet}
      >
        <Table sheet={sheet} label={name} units={data.tables[name].units} />
      </Figure>
    </Section>
  );
}

function Media({ data }: { data: FindingData }) {
  const pictures = Object.entries(data.media).filter((e): e is [string, string] => !!e[1]);
  if (!pictures.length) return null;
  return (
    <div class="media">
      {pictures.map(([name, src]) => (
        <figure>
          <img src={src} alt={name.replaceAll("_", " ")} loading="lazy" />
          <figcaption>{name.replaceAll("_", " ")}</figcaption>
        </figure>
      ))}
    </div>
  );
}
