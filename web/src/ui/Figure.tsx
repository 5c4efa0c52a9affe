// A chart with the table behind it and its exports.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { csv, json, save, svg, type Sheet } from "./export";
import { Table } from "./Table";

interface Props {
  name: string;
  title: string;
  caption?: ComponentChildren;
  sheet: () => Sheet;
  children: ComponentChildren;
  drawing?: boolean;
  /** The table is the body: no button for it. */
  shown?: boolean;
}

export function Figure({ name, title, caption, sheet, children, drawing = true, shown = false }: Props) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const drawn = () => box.current?.querySelector("svg");
  return (
    <figure class="figure">
      <figcaption>
        <h3>{title}</h3>
        {caption && <p class="caption">{caption}</p>}
      </figcaption>
      <div ref={box} class="figure-body">
        {children}
      </div>
      <div class="figure-tools">
        {!shown && (
          <button aria-expanded={open} aria-label={`${title}: table`} onClick={() => setOpen(!open)}>
            {open ? "Hide table" : "Table"}
          </button>
        )}
        <button onClick={() => save(`${name}.csv`, "text/csv", csv(sheet()))} aria-label={`${title}: save as CSV`}>
          CSV
        </button>
        <button
          onClick={() => save(`${name}.json`, "application/json", json(sheet()))}
          aria-label={`${title}: save as JSON`}
        >
          JSON
        </button>
        {drawing && (
          <button
            onClick={() => drawn() && save(`${name}.svg`, "image/svg+xml", svg(drawn()!))}
            aria-label={`${title}: save as SVG`}
          >
            SVG
          </button>
        )}
      </div>
      {open && <Table sheet={sheet()} label={title} />}
    </figure>
  );
}
