// Edits: made anywhere, kept in the address (`cart=r12.s7@3_4*0.5`), applied to the sample at once, saved as edits.json.
import { computed } from "@preact/signals";
import type { Head } from "./head";
import type { Changes } from "./protocol";
import { param, set } from "./route";
import { info, placeOf } from "./store";

export type Action = "remove" | "clip" | "scale" | "merge";

export interface Edit {
  feature: number;
  action: Action;
  classes: number[] | null;
  value: number | null;
  into: number | null;
}

const LETTER: Record<Action, string> = { remove: "r", clip: "c", scale: "s", merge: "m" };
const ACTION = Object.fromEntries(Object.entries(LETTER).map(([a, l]) => [l, a])) as Record<string, Action>;

function encode(e: Edit): string {
  const classes = e.classes ? "@" + e.classes.join("_") : "";
  const extra = e.action === "merge" ? `>${e.into ?? ""}` : e.action === "remove" ? "" : `*${e.value ?? ""}`;
  return LETTER[e.action] + e.feature + classes + extra;
}

function decode(text: string): Edit | null {
  const match = /^([rcsm])(\d+)(?:@([\d_]+))?(?:\*([-\d.e]*))?(?:>(\d*))?$/.exec(text);
  if (!match) return null;
  const [, letter, feature, classes, value, into] = match;
  return {
    feature: Number(feature),
    action: ACTION[letter],
    classes: classes ? classes.split("_").map(Number) : null,
    value: value && Number.isFinite(Number(value)) ? Number(value) : null,
    into: into ? Number(into) : null,
  };
}

export const cart = computed(() =>
  param("cart")
    .split("~")
    .map(decode)
    .filter((e): e is Edit => !!e),
);

export const editsKey = computed(() => param("cart"));

export function setCart(edits: Edit[]): void {
  set({ cart: edits.map(encode).join("~") });
}

export function inCart(feature: number, c: number | null): boolean {
  return cart.value.some(
    (e) => e.feature === feature && e.action === "remove" && (c === null ? !e.classes : !e.classes || e.classes.includes(c)),
  );
}

/** Put the removal of a feature in the cart, or take it out again. */
export function toggleRemoval(feature: number, c: number | null): void {
  const same = (e: Edit) => e.feature === feature && e.action === "remove" && String(e.classes ?? "") === String(c ?? "");
  const rest = cart.value.filter((e) => !same(e));
  const added: Edit = { feature, action: "remove", classes: c === null ? null : [c], value: null, into: null };
  setCart(rest.length < cart.value.length ? rest : [...rest, added]);
}

/** Why an edit cannot be done, or nothing. */
export function problem(e: Edit): string {
  if (e.action === "scale" && e.value === null) return "needs a factor";
  if (e.action === "clip" && (e.value === null || e.value < 0)) return "needs a size of 0 or more";
  if (e.action === "merge" && (e.into === null || e.into === e.feature)) return "needs another feature to merge into";
  return "";
}

/** The weights that differ from the head's once the edits are applied in order. */
export function changesOf(head: Head, edits: Edit[] = cart.value): Changes {
  const k = head.nClasses;
  const weights = new Map<number, number>();
  const get = (place: number, c: number) => weights.get(place * k + c) ?? head.weight(place, c);
  for (const e of edits) {
    const place = placeOf(e.feature);
    if (place < 0 || problem(e)) continue;
    const classes = (e.classes ?? Array.from({ length: k }, (_, c) => c)).filter((c) => c < k);
    for (const c of mirrored(classes)) {
      const w = get(place, c);
      if (e.action === "merge") {
        const target = placeOf(e.into!);
        if (target < 0) continue;
        weights.set(target * k + c, get(target, c) + w);
      }
      weights.set(place * k + c, after(e, w));
    }
  }
  const keys = [...weights.keys()].filter((key) => weights.get(key) !== head.weight(Math.floor(key / k), key % k));
  return {
    place: keys.map((key) => Math.floor(key / k)),
    column: keys.map((key) => key % k),
    weight: keys.map((key) => weights.get(key)!),
  };
}

function after(e: Edit, w: number): number {
  if (e.action === "clip") return Math.sign(w) * Math.min(Math.abs(w), e.value!);
  return e.action === "scale" ? w * e.value! : 0;
}

// A head with one score for two classes has one weight: whichever class is named, both change.
function mirrored(classes: number[]): number[] {
  return info().margin && classes.length ? [0, 1] : classes;
}

/** What `clearhead edit --edits` reads. */
export function editsFile(): string {
  return JSON.stringify({ schema: 1, edits: cart.value.filter((e) => !problem(e)) }, null, 1) + "\n";
}
