// One example: what was answered and why, which few features decide it, and switches to try it live.
import { useEffect, useMemo, useState } from "preact/hooks";
import { argmax, flipping, overtaking, parts, scoresOf, softmax, turning } from "../model/contributions";
import { inCart, toggleRemoval } from "../model/cart";
import { row, shown, wantScores } from "../model/engine";
import type { Head } from "../model/head";
import { link, param, set } from "../model/route";
import { className, examples, head, info, nameOf } from "../model/store";
import { labelsOf } from "../model/stats";
import { Figure } from "../ui/Figure";
import { useGrowing, useSlowly } from "../ui/Later";
import { Section, Waiting } from "../ui/Prose";
import { Sentence, Thumb } from "../ui/Thumb";
import { SignedBar } from "../ui/WeightBars";
import { useStep } from "../ui/useStep";
import { percent, plural, signed } from "../ui/format";
import { mistakes } from "./Mistakes";

const MOST = 60;

function useRow(i: number): Float32Array | undefined {
  const [values, setValues] = useState<{ i: number; z: Float32Array }>();
  useEffect(() => {
    let live = true;
    void row(i).then((z) => live && setValues({ i, z }));
    return () => {
      live = false;
    };
  }, [i]);
  return values?.i === i ? values.z : undefined;
}

function offSet(): Set<number> {
  return new Set(param("off").split(",").filter(Boolean).map(Number));
}

function setOff(places: Iterable<number>): void {
  set({ off: [...places].map((p) => info().shipped[p]).join(",") });
}

export function ExamplePage({ i }: { i: number }) {
  wantScores();
  const ex = examples.value;
  const h = head.value;
  const z = useRow(i);
  useNeighbours(i);
  if (!ex || !h) return <Waiting />;
  if (!(i >= 0 && i < info().n_examples)) return <h1>There is no such example</h1>;
  return (
    <>
      <header class="example-head">
        {info().kind === "image" && <Thumb row={i} size="large" linked={false} />}
        <div>
          <p class="eyebrow" dir="auto">
            {ex.uri[i].slice(-80)} · {ex.split[i]}
          </p>
          {info().kind === "text" ? (
            <blockquote class="example-text">
              <Sentence row={i} />
            </blockquote>
          ) : null}
          {z ? <Answer i={i} h={h} z={z} /> : <Waiting />}
        </div>
      </header>
      {z && <Why i={i} h={h} z={z} />}
    </>
  );
}

function useNeighbours(i: number): void {
  const [truth, guess] = [param("t"), param("p")];
  const s = shown.value;
  const list = useMemo(() => (s && examples.value ? mistakes(s, truth, guess) : []), [s, truth, guess, examples.value]);
  const at = list.indexOf(i);
  const to = (j: number | undefined) => (j === undefined ? undefined : link("example", [j], { t: truth, p: guess, off: "" }));
  useStep(at > 0 ? to(list[at - 1]) : undefined, at >= 0 ? to(list[at + 1]) : to(list[0]));
}

function places(): Set<number> {
  const { shipped } = info();
  return new Set([...offSet()].map((id) => shipped.indexOf(id)).filter((p) => p >= 0));
}

function Answer({ i, h, z }: { i: number; h: Head; z: Float32Array }) {
  const ex = examples.value!;
  const off = places();
  const before = scoresOf(h, z, new Set());
  const now = scoresOf(h, z, off);
  const m = info();
  const many = m.many_labels;
  const truth = labelsOf(ex.label_bits, ex.label, i);
  const names = (s: Float64Array) =>
    many
      ? Array.from(s.keys())
          .filter((c) => s[c] > 0)
          .map(className)
          .join(", ") || "none"
      : className(argmax(s));
  const changed = names(before) !== names(now);
  const p = many ? now.map((v) => 1 / (1 + Math.exp(-v))) : softmax(m.margin ? now.map((v) => v / 2) : now);
  const order = Array.from(p.keys())
    .sort((a, b) => p[b] - p[a])
    .slice(0, 5);
  const network = labelsOf(ex.network_bits, ex.network, i);
  return (
    <>
      <h1 class="answer" dir="auto" aria-live="polite">
        {changed && <s>{names(before)}</s>} {names(now)}
      </h1>
      <p class="note" dir="auto">
        {truth.length || ex.label_bits ? `It is ${truth.map(className).join(", ") || "none of them"}. ` : "Its class is not known. "}
        {network.length > 0 && `The network says ${network.map(className).join(", ")}. `}
        {ex.tie[i] === 1 && "A near tie: rounding of the shipped numbers could decide it."}
      </p>
      <ul class="weights probabilities">
        {order.map((c) => (
          <li key={c}>
            <a href={link("class", [c])} dir="auto">
              {className(c)}
            </a>
            <meter min={0} max={1} value={p[c]} aria-label={`probability of ${className(c)}`} />
            <span class="num">{percent(p[c])}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function rival(i: number, guess: number, scores: Float64Array): number {
  const label = examples.value!.label[i];
  const asked = param("vs");
  if (asked !== "" && Number(asked) < scores.length) return Number(asked);
  if (label >= 0 && label !== guess) return label;
  return argmax(scores.map((s, c) => (c === guess ? -Infinity : s)));
}

function Why({ i, h, z }: { i: number; h: Head; z: Float32Array }) {
  const m = info();
  const scores = useMemo(() => scoresOf(h, z, new Set()), [h, z]);
  const guess = argmax(scores);
  const other = m.many_labels ? guess : rival(i, guess, scores);
  const list = useMemo(() => parts(h, z, guess, other), [h, z, guess, other]);
  const drawn = useGrowing(Math.min(list.length, MOST), 15);
  const max = Math.max(...list.map((p) => Math.max(Math.abs(p.forGuess), Math.abs(p.forOther))), 1e-12);
  // One score for two classes: the second column would only be the first with its sign turned.
  const two = other !== guess && m.classes.length > 1 && !m.margin;
  return (
    <>
      <Smallest i={i} h={h} z={z} guess={guess} other={other} />
      <Section title="What made the answer">
        <Figure
          name={`example-${i}`}
          title={
            two
              ? `For ${className(guess)} and for ${className(other)}`
              : `For ${className(guess)}${m.margin ? `, against ${className(other)}` : ""}`
          }
          caption="What each feature adds to the two scores: its value times its weight. Switch a feature off and the answer is computed anew."
          drawing={false}
          sheet={() => ({
            columns: ["feature", "name", "value", `for ${className(guess)}`, `for ${className(other)}`],
            rows: list.map((p) => [m.shipped[p.place], nameOf(m.shipped[p.place]), z[p.place], p.forGuess, p.forOther]),
          })}
        >
          <ul class={two ? "switches two" : "switches"}>
            <li class="pair-head" aria-hidden="true">
              <span />
              <span />
              <span>{className(guess)}</span>
              <span />
              {two && <span>{className(other)}</span>}
              {two && <span />}
            </li>
            {list.slice(0, drawn).map((p) => (
              <Switch key={p.place} place={p.place} a={p.forGuess} b={two ? p.forOther : null} max={max} />
            ))}
          </ul>
        </Figure>
      </Section>
    </>
  );
}

function Switch({ place, a, b, max }: { place: number; a: number; b: number | null; max: number }) {
  const off = places();
  const id = info().shipped[place];
  const isOff = off.has(place);
  const toggle = () => {
    if (isOff) off.delete(place);
    else off.add(place);
    setOff(off);
  };
  return (
    <li class={isOff ? "off" : ""}>
      <input type="checkbox" checked={!isOff} onChange={toggle} aria-label={`${nameOf(id)} is on`} />
      <a href={link("feature", [id])} dir="auto">
        {nameOf(id)}
      </a>
      <SignedBar value={isOff ? 0 : a} max={max} />
      <span class="num">{isOff ? "off" : signed(a)}</span>
      {b !== null && <SignedBar value={isOff ? 0 : b} max={max} />}
      {b !== null && <span class="num">{isOff ? "off" : signed(b)}</span>}
    </li>
  );
}

interface SmallestProps {
  i: number;
  h: Head;
  z: Float32Array;
  guess: number;
  other: number;
}

function Smallest({ i, h, z, guess, other }: SmallestProps) {
  const m = info();
  const label = examples.value!.label[i];
  const found = useSlowly(function* () {
    if (m.many_labels) return { any: turning(h, z, guess), to: -1, right: null };
    const any = yield* flipping(h, z, guess);
    const right = label >= 0 && label !== guess ? overtaking(h, z, guess, other) : null;
    return { any: any?.places ?? null, to: any?.to ?? -1, right };
  }, [h, z, guess, other, label]);
  const off = places();
  if (!found)
    return (
      <Section title="What decides it">
        <Waiting />
      </Section>
    );
  return (
    <Section title="What decides it">
      <p class="lede">
        {found.any
          ? m.many_labels
            ? `Switching ${plural(found.any.length, "feature")} off turns “${className(guess)}” over.`
            : `Switching ${plural(found.any.length, "feature")} off changes the answer to ${className(found.to)}; no smaller set changes it.`
          : "No set of features changes the answer by being switched off."}
        {found.right && ` For ${className(label)} to overtake ${className(guess)} it takes ${found.right.length}.`}
      </p>
      <p class="actions">
        {found.any && <button onClick={() => setOff(found.any!)}>Switch off the deciding {found.any.length === 1 ? "feature" : plural(found.any.length, "feature")}</button>}
        {found.right && found.right.join() !== found.any?.join() && (
          <button onClick={() => setOff(found.right!)}>Switch off {found.right.length === 1 ? "the one" : `the ${found.right.length}`} against the truth</button>
        )}
        {off.size > 0 && <button onClick={() => set({ off: "" })}>All on again</button>}
        {off.size > 0 && (
          <button
            onClick={() => [...off].map((p) => m.shipped[p]).forEach((id) => inCart(id, null) || toggleRemoval(id, null))}
          >
            Put {plural(off.size, "removal")} in the cart
          </button>
        )}
      </p>
    </Section>
  );
}
