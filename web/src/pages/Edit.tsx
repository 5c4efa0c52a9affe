// The cart: edits made anywhere, their effect on the sample at once, and the file that applies them.
import { cart, editsFile, problem, setCart, type Action, type Edit } from "../model/cart";
import { busy, edited, shown, took, wantScores } from "../model/engine";
import type { Head } from "../model/head";
import { group } from "../model/load";
import { link } from "../model/route";
import { className, examples, head, info, nameOf, placeOf } from "../model/store";
import { effect, sampleWords, uniformRows, type Effect } from "../model/stats";
import { Figure } from "../ui/Figure";
import { useSlowly } from "../ui/Later";
import { Facts, Section, Waiting } from "../ui/Prose";
import { Table } from "../ui/Table";
import { Strip } from "../ui/Thumb";
import { save } from "../ui/export";
import { percent, plural, short, whole } from "../ui/format";

export interface Removals {
  n: number;
  split: string;
  accuracy: number;
  feature: Int32Array;
  fixed: Int32Array;
  broken: Int32Array;
  entry: Int32Array;
  column: Int32Array;
  gained: Int32Array;
}

const ACTIONS: Action[] = ["remove", "clip", "scale", "merge"];

export function EditPage() {
  wantScores();
  const edits = cart.value;
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Edit the head</h1>
          <p class="lede">
            {edits.length
              ? "What the edits do to the examples here is computed as you make them. The file applies them to the network’s head and proves the effect on all rows."
              : "Nothing is in the cart. Put features into it from the pages of classes, features and examples, or from the table below."}
          </p>
        </div>
        {edits.length > 0 && (
          <div class="actions">
            <button class="main" onClick={() => save("edits.json", "application/json", editsFile())}>
              Save edits.json
            </button>
            <button onClick={() => setCart([])}>Empty the cart</button>
          </div>
        )}
      </header>
      {edits.length > 0 && (
        <>
          <ul class="cart">
            {edits.map((e, i) => (
              <CartRow e={e} change={(next) => setCart(edits.flatMap((o, j) => (j === i ? (next ? [next] : []) : [o])))} />
            ))}
          </ul>
          <p class="note">
            Then run <code>clearhead edit RUN --edits edits.json</code>.
          </p>
          <LiveEffect />
        </>
      )}
      <SingleRemovals />
    </>
  );
}

function CartRow({ e, change }: { e: Edit; change: (next: Edit | null) => void }) {
  const wrong = problem(e) || (placeOf(e.feature) < 0 ? "is not used by any head of this page" : "");
  const name = nameOf(e.feature);
  return (
    <li>
      <select
        aria-label={`What to do with ${name}`}
        value={e.action}
        onChange={(v) => change({ ...e, action: v.currentTarget.value as Action })}
      >
        {ACTIONS.map((a) => (
          <option value={a}>{a}</option>
        ))}
      </select>
      <a href={link("feature", [e.feature])} dir="auto">
        {name}
      </a>
      {(e.action === "scale" || e.action === "clip") && (
        <input
          type="text"
          inputMode="decimal"
          aria-label={e.action === "scale" ? `Factor for ${name}` : `Largest weight of ${name}`}
          value={e.value ?? ""}
          onChange={(v) => change({ ...e, value: numberOf(v.currentTarget.value) })}
        />
      )}
      {e.action === "merge" && (
        <label>
          into feature{" "}
          <input
            type="text"
            inputMode="numeric"
            value={e.into ?? ""}
            onChange={(v) => change({ ...e, into: numberOf(v.currentTarget.value) })}
          />
        </label>
      )}
      <span class="note" dir="auto">
        {e.classes ? `for ${e.classes.map(className).join(", ")}` : "for all classes"}
        {wrong && <strong class="wrong"> · {wrong}</strong>}
      </span>
      <button aria-label={`Take ${name} out of the cart`} onClick={() => change(null)}>
        ×
      </button>
    </li>
  );
}

function numberOf(text: string): number | null {
  const value = Number(text.replace(",", "."));
  return text.trim() && Number.isFinite(value) ? value : null;
}

function LiveEffect() {
  const [before, after] = [shown.value, edited.value];
  if (!before || !after || !examples.value) return <Waiting />;
  const e = effect(before, after, uniformRows());
  return (
    <Section
      title="What the edits do"
      note={`On ${sampleWords(e.n)}; computed here in ${Math.round(took.value)} ms${busy.value ? ", being computed again" : ""}.`}
    >
      <EffectView e={e} />
    </Section>
  );
}

export function signedPoints(x: number): string {
  return `${x > 0 ? "+" : x < 0 ? "−" : "±"}${Math.abs(100 * x).toFixed(1)}`;
}

export function EffectView({ e }: { e: Effect }) {
  if (!e.n) return <p class="note">No labelled test examples ship with this page, so there is nothing to measure on.</p>;
  const [value, low, high] = e.change;
  return (
    <>
      <Facts
        facts={[
          ["Accuracy before", percent(e.before)],
          ["Accuracy after", percent(e.after)],
          [
            "Change, in points",
            <>
              {signedPoints(value)}
              <small>
                {" "}
                {signedPoints(low)} … {signedPoints(high)}
              </small>
            </>,
          ],
          ["Fixed", e.fixed.length],
          ["Broken", e.broken.length],
          ["Wrong in another way", e.moved.length],
        ]}
      />
      <Gallery title="Fixed" rows={e.fixed} />
      <Gallery title="Broken" rows={e.broken} />
      <PerClass e={e} />
    </>
  );
}

function Gallery({ title, rows }: { title: string; rows: number[] }) {
  if (!rows.length) return null;
  return (
    <div class="band-row">
      <h3>
        {title} <small>{plural(rows.length, "example")}</small>
      </h3>
      <Strip rows={rows.slice(0, info().kind === "text" ? 6 : 24)} />
    </div>
  );
}

function PerClass({ e }: { e: Effect }) {
  const ex = examples.value!;
  const count = (rows: number[]) => {
    const by = new Map<number, number>();
    rows.forEach((i) => by.set(ex.label[i], (by.get(ex.label[i]) ?? 0) + 1));
    return by;
  };
  const [fixed, broken] = [count(e.fixed), count(e.broken)];
  const touched = [...new Set([...fixed.keys(), ...broken.keys()])];
  if (!touched.length || info().many_labels) return null;
  const sheet = {
    columns: ["class", "fixed", "broken", "net"],
    rows: touched
      .map((c) => [className(c), fixed.get(c) ?? 0, broken.get(c) ?? 0, (fixed.get(c) ?? 0) - (broken.get(c) ?? 0)])
      .sort((a, b) => Math.abs(b[3] as number) - Math.abs(a[3] as number)),
  };
  return (
    <Figure name="edit-classes" title="By true class" drawing={false} shown sheet={() => sheet}>
      <Table sheet={sheet} label="Effect by class" />
    </Figure>
  );
}

type Cells = (number | string)[];

/** A row a feature, the removal that helps most first. */
function* removalRows(r: Removals, h: Head): Generator<undefined, Cells[]> {
  const changed: [column: number, gained: number][][] = Array.from(r.feature, () => []);
  r.entry.forEach((at, e) => changed[at].push([r.column[e], r.gained[e]]));
  const rows: Cells[] = [];
  for (const [i, id] of r.feature.entries()) {
    if (i % 50 === 49) yield;
    const most = changed[i].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3);
    const words = most.map(([c, gained]) => `${gained > 0 ? "+" : "−"}${Math.abs(gained)} ${className(c)}`).join(", ");
    const place = placeOf(id);
    const users = place < 0 ? 0 : h.count(place);
    rows.push([id, (100 * (r.fixed[i] - r.broken[i])) / r.n, r.fixed[i], r.broken[i], users, words]);
  }
  return rows.sort((a, b) => (b[1] as number) - (a[1] as number));
}

/** The exact effect of each single removal, computed in Python on the whole test set. */
function SingleRemovals() {
  const m = info();
  const r = m.has_removals ? group<Removals>("removals").value : undefined;
  const h = head.value;
  const rows = useSlowly(function* () {
    return r && h ? yield* removalRows(r, h) : undefined;
  }, [r, h]);
  if (!m.has_removals) return null;
  if (!r || !rows) return <Waiting />;
  const sheet = { columns: ["feature", "change in points", "fixed", "broken", "classes", "most changed"], rows };
  return (
    <Section
      title="Removing one feature"
      note={`Exact, for the selected head on all ${whole(r.n)} ${r.split} rows, one feature at a time; before, ${percent(r.accuracy, 2)} are right.`}
    >
      <Figure name="removals" title={plural(r.feature.length, "feature")} drawing={false} shown sheet={() => sheet}>
        <Table
          sheet={sheet}
          label="Single removals"
          cell={(column, value) =>
            column === "feature" ? (
              <a href={link("feature", [value as number])}>{nameOf(value as number)}</a>
            ) : column === "change in points" ? (
              `${(value as number) > 0 ? "+" : ""}${(value as number).toFixed(2).replace("-", "−")}`
            ) : typeof value === "string" ? (
              <span dir="auto">{value}</span>
            ) : (
              short(value as number)
            )
          }
        />
      </Figure>
    </Section>
  );
}

/** What removing a feature alone from all classes does, exactly. */
export function exactRemoval(id: number): string {
  if (!info().has_removals) return "";
  const r = group<Removals>("removals").value;
  const at = r ? r.feature.indexOf(id) : -1;
  if (!r || at < 0) return "";
  const overall = (100 * (r.fixed[at] - r.broken[at])) / r.n;
  return `${overall > 0 ? "+" : overall < 0 ? "−" : "±"}${Math.abs(overall).toFixed(2)} points on ${r.split}`;
}
