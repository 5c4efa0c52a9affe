// Keys that work on every page.
import { headIndex, info, manifest } from "../model/store";
import { go, set } from "../model/route";
import { helping } from "./Help";
import { pick } from "./PathSlider";
import { searching } from "./SearchBox";
import { covered } from "./Thumb";
import { steps } from "./useStep";

let lastG = 0;

const GOES: Record<string, string> = { o: "overview", c: "classes", m: "mistakes", e: "edit", p: "provenance" };

export function toggleCover(): void {
  set({ redact: covered() ? "0" : "1" });
}

function follow(href: string | undefined): void {
  if (href) location.hash = href;
}

function move(by: number): void {
  const next = headIndex.value + by;
  if (next >= 0 && next < info().heads.length) pick(next);
}

const KEYS: Record<string, () => void> = {
  "/": () => (searching.value = true),
  "?": () => (helping.value = true),
  j: () => follow(steps.value.next),
  k: () => follow(steps.value.previous),
  x: toggleCover,
  g: () => (lastG = Date.now()),
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
};

export function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const typing = target.closest("input:not([type=range]):not([type=checkbox]), select, textarea, dialog[open]");
  // Arrows move the slider that has the focus, whichever it is.
  if (event.key.startsWith("Arrow") && target.closest("input")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || typing || !manifest.value) return;
  const quickly = Date.now() - lastG < 1200;
  if (quickly && GOES[event.key]) {
    lastG = 0;
    go(GOES[event.key]);
  } else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
  else return;
  event.preventDefault();
}
