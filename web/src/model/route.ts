// All state lives in the address: `#/class/3?h=7&off=12,40`.
import { computed, signal } from "@preact/signals";

export interface Route {
  page: string;
  args: string[];
  params: Record<string, string>;
}

function parse(hash: string): Route {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page, ...args] = path.split("/").map(safeDecode);
  return { page: page || "overview", args, params: Object.fromEntries(new URLSearchParams(query)) };
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = signal<Route>(parse(location.hash));

/** Parameters that stay when the page changes. */
const KEPT = ["h", "off", "redact", "cart", "b"];

export function param(name: string): string {
  return route.value.params[name] ?? "";
}

function address(page: string, args: (string | number)[], query: string): string {
  return "#/" + [page, ...args].map((a) => encodeURIComponent(a)).join("/") + query;
}

function queryOf(params: Record<string, string>): string {
  const entries = Object.entries(params).filter(([, v]) => v !== "");
  return entries.length ? "?" + new URLSearchParams(entries).toString().replaceAll("%2C", ",") : "";
}

const kept = computed(() => Object.fromEntries(KEPT.map((k) => [k, param(k)])));
/** Pages hold thousands of links, nearly all with the same parameters. */
const keptQuery = computed(() => queryOf(kept.value));

/** The address of a page, with the parameters that stay. */
export function link(page: string, args: (string | number)[] = [], params?: Record<string, string>): string {
  return address(page, args, params ? queryOf({ ...kept.value, ...params }) : keptQuery.value);
}

export function go(page: string, args: (string | number)[] = [], params?: Record<string, string>): void {
  location.hash = link(page, args, params);
}

/** Change parameters of this page in place, without a step in the history. */
export function set(params: Record<string, string>): void {
  const { page, args, params: old } = route.value;
  history.replaceState(null, "", address(page, args, queryOf({ ...old, ...params })));
  route.value = parse(location.hash);
}

window.addEventListener("hashchange", () => {
  const before = route.value;
  route.value = parse(location.hash);
  if (before.page !== route.value.page || before.args.join() !== route.value.args.join()) scrollTo(0, 0);
});
