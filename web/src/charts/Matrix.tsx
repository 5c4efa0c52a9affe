// A confusion matrix of any size: only the cells in view are drawn.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

export interface Cell {
  row: number;
  column: number;
  count: number;
}

interface Props {
  names: string[];
  cells: Cell[];
  total: Int32Array;
  find: string;
  onPick: (row: number, column: number) => void;
}

const LABELS = 132;

export function Matrix({ names, cells, total, find, onPick }: Props) {
  const k = names.length;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ x: 0, y: 0, width: 800, height: 560 });
  const [zoom, setZoom] = useState(() => (k <= 12 ? 40 : k <= 30 ? 24 : k <= 80 ? 14 : 8));
  const [hover, setHover] = useState<Cell | null>(null);
  const labels = zoom >= 11 ? Math.min(LABELS, view.width / 3) : 0;
  const top = labels ? Math.min(LABELS, 110) : 0;
  const found = useMemo(() => matches(names, find), [names, find]);

  useEffect(() => {
    const element = box.current!;
    const read = () =>
      setView({
        x: element.scrollLeft,
        y: element.scrollTop,
        width: element.clientWidth,
        height: element.clientHeight,
      });
    read();
    element.addEventListener("scroll", read, { passive: true });
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", read);
      observer.disconnect();
    };
  }, []);

  useEffect(() => {
    if (found.size) box.current?.scrollTo({ left: (Math.min(...found) - 3) * zoom, top: (Math.min(...found) - 3) * zoom });
  }, [found, zoom]);

  const first = { row: Math.floor(view.y / zoom), column: Math.floor(view.x / zoom) };
  const last = { row: Math.ceil((view.y + view.height) / zoom), column: Math.ceil((view.x + view.width) / zoom) };
  const seen = cells.filter(
    (c) =>
      c.row >= first.row && c.row <= last.row && c.column >= first.column && c.column <= last.column && c.column >= 0,
  );
  const most = useMemo(() => {
    let max = 1e-9;
    for (const c of cells) if (c.row !== c.column) max = Math.max(max, c.count / Math.max(total[c.row], 1));
    return max;
  }, [cells, total]);
  const size = k * zoom;
  const range = (a: number, b: number) => Array.from({ length: Math.max(Math.min(b, k) - a, 0) }, (_, i) => a + i);
  const at = (event: MouseEvent): Cell | null => {
    const rect = (event.currentTarget as Element).getBoundingClientRect();
    const column = Math.floor((event.clientX - rect.left - labels) / zoom);
    const row = Math.floor((event.clientY - rect.top - top) / zoom);
    if (row < 0 || column < 0 || row >= k || column >= k) return null;
    return cells.find((c) => c.row === row && c.column === column) ?? { row, column, count: 0 };
  };
  return (
    <div class="matrix">
      <label class="zoom">
        <span>Zoom</span>
        <input
          type="range"
          min={3}
          max={48}
          value={zoom}
          aria-label="Zoom of the matrix"
          onInput={(e) => setZoom(Number(e.currentTarget.value))}
        />
      </label>
      <div class="matrix-box" ref={box} tabIndex={0} role="region" aria-label="Confusion matrix; its table holds every cell">
        <svg
          width={size + labels}
          height={size + top}
          role="img"
          aria-label={`Confusion matrix of ${k} classes`}
          onPointerMove={(e) => setHover(at(e))}
          onPointerLeave={() => setHover(null)}
          onClick={(e) => {
            const cell = at(e);
            if (cell) onPick(cell.row, cell.column);
          }}
        >
          <g transform={`translate(${labels},${top})`}>
            <rect class="matrix-ground" width={size} height={size} />
            {[...found].map((c) => (
              <g>
                <rect class="matrix-found" y={c * zoom} width={size} height={zoom} />
                <rect class="matrix-found" x={c * zoom} width={zoom} height={size} />
              </g>
            ))}
            {seen.map((c) => {
              const share = c.count / Math.max(total[c.row], 1);
              const diagonal = c.row === c.column;
              return (
                <g key={c.row * k + c.column}>
                  <rect
                    class={diagonal ? "matrix-cell diagonal" : "matrix-cell"}
                    x={c.column * zoom}
                    y={c.row * zoom}
                    width={zoom - (zoom > 8 ? 1 : 0)}
                    height={zoom - (zoom > 8 ? 1 : 0)}
                    fill-opacity={diagonal ? 0.14 : 0.2 + 0.8 * Math.sqrt(share / most)}
                  />
                  {zoom >= 24 && (
                    <text
                      class={!diagonal && share / most > 0.35 ? "matrix-count on" : "matrix-count"}
                      x={(c.column + 0.5) * zoom}
                      y={(c.row + 0.5) * zoom + 4}
                      text-anchor="middle"
                    >
                      {c.count}
                    </text>
                  )}
                </g>
              );
            })}
          </g>
          {labels > 0 && (
            <g transform={`translate(${view.x},0)`}>
              <rect class="matrix-gutter" width={labels - 4} height={size + top} />
              {range(first.row, last.row).map((r) => (
                <text class={found.has(r) ? "tick found" : "tick"} x={labels - 8} y={top + (r + 0.5) * zoom + 4} text-anchor="end">
                  {clip(names[r], labels)}
                </text>
              ))}
            </g>
          )}
          {top > 0 && (
            <g transform={`translate(0,${view.y})`}>
              <rect class="matrix-gutter" width={size + labels} height={top - 4} />
              {range(first.column, last.column).map((c) => (
                <text
                  class={found.has(c) ? "tick found" : "tick"}
                  transform={`translate(${labels + (c + 0.5) * zoom + 4},${top - 8}) rotate(-90)`}
                >
                  {clip(names[c], top)}
                </text>
              ))}
              <rect class="matrix-gutter" x={view.x} width={labels} height={top - 4} />
            </g>
          )}
        </svg>
      </div>
      <p class="readout" dir="auto">
        {hover
          ? `${hover.count} of ${total[hover.row]} of “${names[hover.row]}” taken for “${names[hover.column]}”`
          : " "}
      </p>
    </div>
  );
}

function clip(name: string, room: number): string {
  const count = Math.floor(room / 6.6) - 1;
  return name.length > count ? name.slice(0, count - 1) + "…" : name;
}

function matches(names: string[], find: string): Set<number> {
  const q = find.trim().toLowerCase();
  return new Set(q ? names.flatMap((n, i) => (n.toLowerCase().includes(q) ? [i] : [])).slice(0, 50) : []);
}
