// `/` opens it; arrows choose, enter goes.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { search, type Hit } from "../model/search";
import { tabs } from "../pages/tabs";
import { link } from "../model/route";

export const searching = signal(false);

export function SearchBox() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => {
    if (searching.value) {
      dialog.current?.showModal();
      setQuery("");
      setAt(0);
    } else dialog.current?.close();
  }, [searching.value]);
  if (!searching.value) return <dialog ref={dialog} class="search" aria-label="Search" />;
  const pages: Hit[] = tabs().map((t) => ({ group: "Pages", text: t.title, href: link(t.page, t.args) }));
  const hits = search(query, pages);
  const go = (hit: Hit | undefined) => {
    if (!hit) return;
    searching.value = false;
    location.hash = hit.href;
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") go(hits[at]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      class="search"
      aria-label="Search"
      onClose={() => (searching.value = false)}
      onClick={(e) => e.target === dialog.current && (searching.value = false)}
    >
      <input
        type="text"
        autoFocus
        list={undefined}
        role="combobox"
        aria-expanded="true"
        aria-controls="hits"
        aria-activedescendant={hits.length ? `hit-${at}` : undefined}
        aria-label="Search classes, features, words, findings and examples"
        placeholder="Classes, features, words, examples"
        value={query}
        onInput={(e) => {
          setQuery(e.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={keys}
      />
      <ul id="hits" role="listbox" aria-label="Results">
        {hits.map((hit, i) => (
          <li
            id={`hit-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => go(hit)}
            ref={(el) => {
              if (i === at) el?.scrollIntoView({ block: "nearest" });
            }}
          >
            <small>{i === 0 || hits[i - 1].group !== hit.group ? hit.group : ""}</small>
            <span dir="auto">{hit.text}</span>
            <small dir="auto">{hit.note}</small>
          </li>
        ))}
      </ul>
      {!hits.length && <p class="note">Nothing has “{query}” in it.</p>}
    </dialog>
  );
}
