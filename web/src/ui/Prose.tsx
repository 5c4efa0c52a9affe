import type { ComponentChildren } from "preact";

export function Section({ title, id, note, children }: { title: string; id?: string; note?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="section" id={id}>
      <h2>{title}</h2>
      {note && <p class="note">{note}</p>}
      {children}
    </section>
  );
}

export function Waiting() {
  return <p class="waiting">Loading…</p>;
}

export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
