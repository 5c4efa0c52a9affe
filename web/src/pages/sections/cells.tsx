// Cells that know what they name: a feature, a class, an example.
import type { ComponentChildren } from "preact";
import { link } from "../../model/route";
import { className, examples, idOf, info, nameOf } from "../../model/store";
import type { Scalar } from "../../model/types";
import { plain } from "../../ui/Table";
import { Thumb } from "../../ui/Thumb";

// Numbers are features only where a column says nothing else: `features` and `errors_with_feature` are counts.
const FEATURE = /^(feature|feature_id|other)$/;
const FEATURE_NAME = /(^|_)(features?|other)$/;
const CLASS = /^(class|truth|predicted|prediction|target|class_[ab12])$/;
const CLASS_NAME = /^(class|truth|predicted|prediction|target|label|class_[ab12]|.*_class|first|second|from|to|without_top)$/;
const ROW = /^(rows?|examples)$|_rows?$|^rows_/;

/** Where a row of the feature table lies among the shipped examples, or −1. */
export function shippedRow(row: number): number {
  return examples.value ? examples.value.row.indexOf(row) : -1;
}

function each(value: Scalar | undefined, one: (v: number) => ComponentChildren): ComponentChildren {
  if (Array.isArray(value)) return <span class="cell-list">{(value as unknown[]).slice(0, 12).map((v) => one(v as number))}</span>;
  return one(value as number);
}

function whole(value: Scalar | undefined): boolean {
  const list = Array.isArray(value) ? value : [value];
  return list.length > 0 && list.every((v) => Number.isInteger(v) && (v as number) >= 0);
}

export function FeatureLink({ id }: { id: number }) {
  return (
    <a href={link("feature", [id])} dir="auto">
      {nameOf(id)}
    </a>
  );
}

export function cellOf(column: string, value: Scalar | undefined): ComponentChildren {
  if (FEATURE.test(column) && whole(value) && most(value) < info().n_features) return each(value, (id) => <FeatureLink id={id} />);
  if (FEATURE_NAME.test(column) && allFeatures(value))
    return (
      <span class="cell-list">
        {[value].flat().map((name) => (
          <FeatureLink key={name} id={idOf(name as string)} />
        ))}
      </span>
    );
  if (CLASS.test(column) && whole(value) && most(value) < info().classes.length)
    return each(value, (c) => (
      <a href={link("class", [c])} dir="auto">
        {className(c)}
      </a>
    ));
  if (CLASS_NAME.test(column) && typeof value === "string" && info().classes.includes(value))
    return (
      <a href={link("class", [info().classes.indexOf(value)])} dir="auto">
        {value}
      </a>
    );
  if (ROW.test(column) && whole(value)) return each(value, (row) => <RowCell row={row} />);
  const text = plain(column, value);
  return typeof value === "string" ? <span dir="auto">{text}</span> : text;
}

function allFeatures(value: Scalar | undefined): boolean {
  const names = [value].flat();
  return names.length > 0 && names.every((name) => typeof name === "string" && idOf(name) >= 0);
}

/** Cells of a finding that counts rows of its own: their numbers stay numbers. */
export function cellWithoutRows(column: string, value: Scalar | undefined): ComponentChildren {
  return ROW.test(column) && !FEATURE.test(column) && !CLASS.test(column) ? plain(column, value) : cellOf(column, value);
}

function most(value: Scalar | undefined): number {
  return Math.max(...((Array.isArray(value) ? value : [value]) as number[]));
}

function RowCell({ row }: { row: number }) {
  const i = shippedRow(row);
  if (i < 0) return <span>{row} </span>;
  return info().kind === "array" ? <a href={link("example", [i])}>{row}</a> : <Thumb row={i} />;
}

/** The words of a cell, for labels in charts. */
export function cellText(column: string, value: Scalar | undefined): string {
  if (FEATURE.test(column) && whole(value) && !Array.isArray(value)) return nameOf(value as number);
  if (CLASS.test(column) && whole(value) && !Array.isArray(value)) return className(value as number);
  return plain(column, value);
}
