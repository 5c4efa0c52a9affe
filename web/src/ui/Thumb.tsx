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
  size?: "small" | "large";
  linked?: boolean;
}

export function Thumb({ row, size = "small", linked = true }: Props) {
  const ex = examples.value;
  if (!ex) return <span class={`thumb blank ${size}`} />;
  const kind = info().kind;
  const body = kind === "text" ? <Sentence row={row} /> : <Picture row={row} />;
  const kindClass = kind === "text" ? "quote" : `thumb ${size}`;
  return linked ? (
    <a class={kindClass} href={link("example", [row])} title={kind === "text" || covered() ? undefined : describe(row)}>
      {body}
    </a>
  ) : (
    <span class={kindClass}>{body}</span>
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

interface StripProps {
  rows: number[];
  size?: "small" | "large";
  /** One line only: what does not fit is cut. */
  line?: boolean;
}

export function Strip({ rows, size, line = false }: StripProps) {
  return (
    <div class={info().kind === "text" ? "quotes" : line ? "strip line" : "strip"}>
      {rows.map((row) => (
        <Thumb key={row} row={row} size={size} />
      ))}
    </div>
  );
}
