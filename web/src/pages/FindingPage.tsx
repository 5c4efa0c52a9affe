// Any finding: its sentence, numbers with intervals, what is special to its kind, tables, pictures and caveats.
import { group } from "../model/load";
import { link } from "../model/route";
import { info } from "../model/store";
import type { EstimateData, FindingData, Scalar } from "../model/types";
import { Figure } from "../ui/Figure";
import { Section, Waiting } from "../ui/Prose";
import { Table } from "../ui/Table";
import { useStep } from "../ui/useStep";
import { percent, plural, short, whole } from "../ui/format";
import { capital, words } from "../ui/words";
import { Tree } from "./Provenance";
import { cellOf, cellWithoutRows } from "./sections/cells";
import { drawsItself, special } from "./sections";
import { AutoChart } from "./sections/AutoChart";
import { labelOf, sheetOf } from "./sections/sheet";

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
          <p class="eyebrow">{capital(words(summary.kind))}</p>
          <h1>{summary.title}</h1>
          <p class="lede">{summary.sentence}</p>
        </div>
      </header>
      {data ? <FindingBody data={data} /> : <Waiting />}
    </>
  );
}

export function FindingBody({ data }: { data: FindingData }) {
  const Special = special(data.kind);
  return (
    <>
      <Numbers data={data} />
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

type Number = [name: string, value: Scalar | EstimateData];

const FEW = 8;

/** Numbers that are known; what has an interval first, and beyond a few folded away. */
function Numbers({ data }: { data: FindingData }) {
  const known = Object.entries(data.numbers).filter(([, v]) => (isEstimate(v) ? v.value : v) != null);
  const list = [...known.filter(([, v]) => isEstimate(v)), ...known.filter(([, v]) => !isEstimate(v))];
  const first = list.length > FEW + 2 ? FEW : list.length;
  if (!list.length) return null;
  return (
    <>
      <NumberList list={list.slice(0, first)} data={data} />
      {list.length > first && (
        <details class="more-numbers">
          <summary>{list.length - first} more numbers</summary>
          <NumberList list={list.slice(first)} data={data} />
        </details>
      )}
    </>
  );
}

function NumberList({ list, data }: { list: Number[]; data: FindingData }) {
  return (
    <dl class="facts">
      {list.map(([name, v]) => (
        <div>
          <dt>{capital(labelOf(data, name))}</dt>
          <dd>{isEstimate(v) ? <Interval v={v} /> : typeof v === "number" ? short(v) : String(v)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Wilson's intervals are those of shares. */
function Interval({ v }: { v: EstimateData }) {
  const share = v.method.startsWith("Wilson");
  const ends = share ? [v.low, v.high].map((x) => (100 * x).toFixed(1)) : [v.low, v.high].map(short);
  return (
    <span title={`${v.method}, ${100 * v.level}% interval`}>
      {share ? percent(v.value) : short(v.value)}
      <small>
        {ends[0]} to {ends[1]}, n = {whole(v.n)}
      </small>
    </span>
  );
}

function FindingTable({ data, name }: { data: FindingData; name: string }) {
  const sheet = sheetOf(data, name);
  if (!sheet.rows.length) return null;
  return (
    <Section title={capital(words(name, data.kind))}>
      {!drawsItself(data.kind) && <AutoChart data={data} name={name} />}
      <Figure
        name={`${data.kind}-${name}`}
        title={plural(sheet.rows.length, "row")}
        drawing={false}
        shown
        sheet={() => sheet}
      >
        <Table sheet={sheet} label={words(name, data.kind)} names={(column) => labelOf(data, column)} units={data.tables[name].units} cell={data.table_rows ? cellOf : cellWithoutRows} />
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
