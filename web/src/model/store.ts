// What the pages read: the manifest, the current head, examples, features, values.
import { computed } from "@preact/signals";
import { Head } from "./head";
import { group } from "./load";
import { param } from "./route";
import type { DenseData, ExamplesData, FeaturesData, HeadData, Manifest } from "./types";

export const manifest = computed(() => group<Manifest>("manifest").value);

export function info(): Manifest {
  return manifest.value!;
}

/** The index of the head that every page follows. */
export const headIndex = computed(() => {
  const m = manifest.value;
  if (!m) return 0;
  const asked = Number(param("h") || NaN);
  return Number.isInteger(asked) && asked >= 0 && asked < m.heads.length ? asked : m.selected;
});

const heads = new Map<string, Head>();

export function headOf(name: string): Head | undefined {
  const data = group<HeadData>(name).value;
  if (!data) return undefined;
  let head = heads.get(name);
  if (!head) heads.set(name, (head = new Head(data, info().shipped.length)));
  return head;
}

export const head = computed(() => (manifest.value ? headOf(`head-${headIndex.value}`) : undefined));
export const examples = computed(() => group<ExamplesData>("examples").value);
export const features = computed(() => group<FeaturesData>("features").value);
export const dense = computed(() => (manifest.value?.dense ? group<DenseData>("dense").value : undefined));

/** The name of a feature by its number in the network. */
export function nameOf(id: number): string {
  return info().feature_names[id] ?? `feature ${id}`;
}

const byName = computed(() => new Map(info().feature_names.map((name, id) => [name, id])));

/** What the reference head is called: short in charts. */
export function denseWords(): string {
  return info().dense?.name.includes("regularised") ? "least regularised" : "dense layer";
}

/** The number of a feature by its name, or −1. */
export function idOf(name: string): number {
  const number = /^feature (\d+)$/.exec(name);
  return byName.value.get(name) ?? (number && !info().feature_names.length ? Number(number[1]) : -1);
}

export function placeOf(id: number): number {
  return info().shipped.indexOf(id);
}

export function className(c: number): string {
  return c < 0 ? "unknown" : (info().classes[c] ?? `class ${c}`);
}
