// One example: a picture, a sentence, or its name where there is neither.
import { useState } from "preact/hooks";
import { className, examples, info } from "../model/store";
import { link, param } from "../model/route";

export function describe(i: number): string {
  const ex = examples.value;
  if (!ex) return "";
  const name = ex.text[i] ?? ex.uri[i];
  return `${name.slice(0, 120)} (${className(ex.label[i])})`;
}

export function covered(): boolean {
  const asked = param("redact");
  return asked ? asked === "1" : info().sensitive;
}

interface Props {
  row: number;
  note?: string;
  size?: "small" | "large";
  linked?: boolean;
}

export function Thumb({ row, note, size = "small", linked = true }: Props) {
  const ex = examples.value;
  if (!ex) return <span class={`thumb blank ${size}`} />;
  const kind = info().kind;
  const body = kind === "text" ? <Sentence row={row} /> : <Picture row={row} />;
  const inner = (
    <>
      {body}
      {note && <span class="thumb-note">{note}</span>}
    </>
  );
  const kindClass = kind === "text" ? "quote" : `thumb ${size}`;
  return linked ? (
    <a class={kindClass} href={link("example", [row])} title={kind === "text" || covered() ? undefined : describe(row)}>
      {inner}
    </a>
  ) : (
    <span class={kindClass}>{inner}</span>
  );
}

function Picture({ row }: { row: number }) {
  const ex = examples.value!;
  const [broken, setBroken] = useState(false);
  const src = ex.thumb[row];
  if (!src || broken)
    return (
      <span class="no-picture" role="img" aria-label={describe(row)}>
        {ex.uri[row].split("/").at(-1)!.slice(0, 40)}
      </span>
    );
  return (
    <img
      src={src}
      alt={describe(row)}
      loading="lazy"
      decoding="async"
      class={covered() ? "covered" : ""}
      onError={() => setBroken(true)}
      onLoad={(e) => {
        const img = e.currentTarget as HTMLImageElement;
        if (img.naturalWidth < 48) img.classList.add("pixels");
      }}
    />
  );
}

export function Sentence({ row }: { row: number }) {
  const text = examples.value?.text[row] ?? "";
  return (
    <span class={covered() ? "sentence covered" : "sentence"} dir="auto">
      {text.length > 400 ? text.slice(0, 400) + "…" : text}
    </span>
  );
}

export function Strip({ rows, values, size }: { rows: number[]; values?: ArrayLike<number>; size?: "small" | "large" }) {
  return (
    <div class={info().kind === "text" ? "quotes" : "strip"}>
      {rows.map((row, i) => (
        <Thumb key={row} row={row} size={size} note={values ? String(values[i]) : undefined} />
      ))}
    </div>
  );
}
