// The tables of a finding.
import type { FindingData, Scalar } from "../../model/types";
import type { Sheet } from "../../ui/export";

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
