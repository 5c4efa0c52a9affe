// The frame around every page: name, navigation, the λ slider, the footer.
import { useEffect } from "preact/hooks";
import { failed } from "./model/load";
import { link, route } from "./model/route";
import { manifest } from "./model/store";
import { pageOf } from "./pages";
import { tabs } from "./pages/tabs";
import { Help, helping } from "./ui/Help";
import { onKey, toggleCover } from "./ui/keys";
import { PathSlider } from "./ui/PathSlider";
import { Waiting } from "./ui/Prose";
import { SearchBox, searching } from "./ui/SearchBox";
import { covered } from "./ui/Thumb";

export function App() {
  const m = manifest.value;
  const page = route.value.page;
  useEffect(() => {
    if (m) document.title = `${m.title} · clearhead`;
  }, [m]);
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  if (!m) return <Waiting />;
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), document.getElementById("main")?.focus())}>
        Skip to the page
      </a>
      <header class="bar">
        <a class="brand" href={link("overview")}>
          clearhead
        </a>
        <nav aria-label="Pages">
          {tabs().map((t) => (
            <a href={link(t.page, t.args)} aria-current={t.pages.includes(page) ? "page" : undefined}>
              {t.title}
            </a>
          ))}
        </nav>
        <PathSlider />
        <div class="tools">
          <button class="quiet" onClick={() => (searching.value = true)} aria-keyshortcuts="/">
            Search <kbd>/</kbd>
          </button>
          {m.kind !== "array" && (
            <button class="quiet" aria-pressed={covered()} onClick={toggleCover} aria-keyshortcuts="x">
              {covered() ? "Uncover" : "Cover"}
            </button>
          )}
          <button class="quiet" aria-label="Help with keys" onClick={() => (helping.value = true)} aria-keyshortcuts="?">
            ?
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {failed.value.length > 0 && (
          <p class="alarm" role="alert">
            A part of this report is missing: {failed.value.map((s) => s.split("/").at(-1)).join(", ")}. Make the report
            again, or copy its whole folder.
          </p>
        )}
        {pageOf(route.value)}
      </main>
      <SearchBox />
      <Help />
      <footer class="foot">
        <span dir="auto">{m.title}</span>
        <span>{String((m.provenance.made as string | undefined) ?? "")}</span>
        <a href={link("provenance")}>Provenance</a>
      </footer>
    </>
  );
}
