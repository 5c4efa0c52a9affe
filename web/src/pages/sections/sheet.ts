// The tables of a finding.
import type { FindingData, Scalar } from "../../model/types";
import type { Sheet } from "../../ui/export";
import { words } from "../../ui/words";

/** What a name of a finding's numbers, tables or columns is called; the two that are compared have names of their own. */
export function labelOf(data: FindingData, name: string): string {
  const pair = data.kind === "compare" ? (data.settings.names as string[] | undefined) : undefined;
  const at = ["first", "second"].findIndex((which) => name === which || name.startsWith(`${which}_`));
  const text = words(name, data.kind);
  return pair && at >= 0 ? text.replace(/^\w+/, pair[at]) : text;
}

export function columnOf(data: FindingData, table: string, name: string): Scalar[] {
  return (data as unknown as Record<string, Scalar[]>)[`table/${table}/${name}`] ?? [];
}

export function sheetOf(data: FindingData, table: string): Sheet {
  const { columns } = data.tables[table];
  const lists = columns.map((c) => columnOf(data, table, c));
  return { columns, rows: (lists[0] ?? []).map((_, i) => lists.map((l) => l[i])) };
}

export type Row = Record<string, Scalar>;

/** A table as one object a row; an absent table has no rows. */
export function rowsOf(data: FindingData, table: string): Row[] {
  if (!Object.hasOwn(data.tables, table)) return [];
  const { columns, rows } = sheetOf(data, table);
  return rows.map((r) => Object.fromEntries(columns.map((c, i) => [c, r[i] ?? null])));
}
