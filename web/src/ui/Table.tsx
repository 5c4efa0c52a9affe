// A sortable table that stays quick with long data: it shows a hundred rows at a time.
import { useMemo, useState } from "preact/hooks";
import type { Sheet } from "./export";
import { short } from "./format";
import { words } from "./words";
import type { Scalar } from "../model/types";

const STEP = 100;

interface Props {
  sheet: Sheet;
  label: string;
  units?: Record<string, string>;
  /** What a column is called. */
  names?: (column: string) => string;
  cell?: (column: string, value: Scalar | undefined) => preact.ComponentChildren;
}

export function Table({ sheet, label, units = {}, names = words, cell = plain }: Props) {
  const [sort, setSort] = useState<{ at: number; down: boolean } | null>(null);
  const [limit, setLimit] = useState(STEP);
  const rows = useMemo(() => {
    if (!sort) return sheet.rows;
    const order = [...sheet.rows].sort((a, b) => compare(a[sort.at], b[sort.at]));
    return sort.down ? order.reverse() : order;
  }, [sheet, sort]);
  // A number that a cell turns into a link is a name.
  const numeric = sheet.columns.map((name, i) =>
    sheet.rows.slice(0, STEP).some((r) => typeof r[i] === "number" && typeof cell(name, r[i]) === "string"),
  );
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={`${label}, table`}>
      <table>
        <thead>
          <tr>
            {sheet.columns.map((name, i) => (
              <th
                scope="col"
                class={numeric[i] ? "num" : ""}
                aria-sort={sort?.at === i ? (sort.down ? "descending" : "ascending") : undefined}
              >
                <button
                  title={units[name] ?? ""}
                  onClick={() => setSort({ at: i, down: sort?.at === i ? !sort.down : numeric[i] })}
                >
                  {names(name)}
                  <span aria-hidden="true">{sort?.at === i ? (sort.down ? " ↓" : " ↑") : ""}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit).map((row) => (
            <tr>
              {row.map((value, i) => (
                <td class={numeric[i] ? "num" : ""} title={typeof value === "number" ? String(value) : undefined}>
                  {cell(sheet.columns[i], value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > limit && (
        <button class="more" onClick={() => setLimit(limit + 10 * STEP)}>
          {rows.length - limit} more rows
        </button>
      )}
    </div>
  );
}

export function plain(_: string, value: Scalar | undefined): string {
  if (value == null) return "–";
  if (Array.isArray(value)) return value.map((v) => plain("", v)).join(", ");
  if (typeof value === "number") return short(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : value;
}

function compare(a: Scalar | undefined, b: Scalar | undefined): number {
  if (a == null || b == null) return a == null ? (b == null ? 0 : -1) : 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
