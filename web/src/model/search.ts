// Search over pages, classes, features, words, findings and examples.
import { link } from "./route";
import { className, examples, features, info, nameOf } from "./store";

export interface Hit {
  group: string;
  text: string;
  href: string;
  note?: string;
}

const PER_GROUP = 8;

export function search(query: string, pages: Hit[]): Hit[] {
  const q = query.trim().toLowerCase();
  if (!q) return pages;
  const m = info();
  const matching = (text: string) => text.toLowerCase().includes(q);
  const out: Hit[] = pages.filter((p) => matching(p.text));
  out.push(...first(m.classes.keys(), (c) => (matching(m.classes[c]) ? { group: "Classes", text: m.classes[c], href: link("class", [c]) } : null)));
  out.push(
    ...first(m.shipped, (id) =>
      matching(nameOf(id)) || String(id) === q ? { group: "Features", text: nameOf(id), href: link("feature", [id]) } : null,
    ),
  );
  const f = features.value;
  if (f)
    out.push(
      ...first(m.shipped.keys(), (place) => {
        const word = f.explanations[place]?.flatMap((e) => e.words).find(([w]) => matching(w));
        return word
          ? { group: "Words", text: word[0], note: nameOf(m.shipped[place]), href: link("feature", [m.shipped[place]]) }
          : null;
      }),
    );
  out.push(
    ...first(m.findings.keys(), (i) =>
      matching(m.findings[i].title) || matching(m.findings[i].sentence)
        ? { group: "Findings", text: m.findings[i].title, href: link("finding", [i]) }
        : null,
    ),
  );
  const ex = examples.value;
  if (ex)
    out.push(
      ...first(ex.uri.keys(), (i) => {
        const text = ex.text[i] ?? "";
        if (!matching(ex.uri[i]) && !matching(text)) return null;
        return { group: "Examples", text: text ? around(text, q) : ex.uri[i], note: className(ex.label[i]), href: link("example", [i]) };
      }),
    );
  return out;
}

function first<T>(items: Iterable<T>, make: (item: T) => Hit | null): Hit[] {
  const out: Hit[] = [];
  for (const item of items) {
    const hit = make(item);
    if (hit && out.push(hit) >= PER_GROUP) break;
  }
  return out;
}

function around(text: string, q: string): string {
  const at = Math.max(text.toLowerCase().indexOf(q), 0);
  return (at > 40 ? "…" : "") + text.slice(Math.max(at - 40, 0), at + 80);
}
