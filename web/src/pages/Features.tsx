// All features that the head uses.
import { features, head, info, nameOf, placeOf } from "../model/store";
import { link, param, set } from "../model/route";
import { Strip } from "../ui/Thumb";
import { Waiting } from "../ui/Prose";
import { plural } from "../ui/format";
import { Explanations } from "../ui/Explanations";

const STEP = 40;

/** Features in use, those of most classes first. */
export function usedFeatures(): number[] {
  const h = head.value;
  if (!h) return [];
  return Array.from(info().shipped.keys())
    .filter((p) => h.isUsed(p))
    .map((p) => ({ p, n: h.classesOf(p).length, w: Math.abs(h.classesOf(p)[0].weight) }))
    .sort((a, b) => b.n - a.n || b.w - a.w)
    .map(({ p }) => info().shipped[p]);
}

export function Features() {
  const m = info();
  const h = head.value;
  const q = param("q").toLowerCase();
  if (!h) return <Waiting />;
  const limit = Number(param("n")) || STEP;
  const list = usedFeatures().filter((id) => nameOf(id).toLowerCase().includes(q));
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Features</h1>
          <p class="lede">
            {plural(list.length, "feature")} of {m.n_features.toLocaleString("en-US")} in use, those of most classes first.
          </p>
        </div>
        <input
          type="search"
          placeholder="Filter by name"
          aria-label="Filter features by name"
          value={param("q")}
          onInput={(e) => set({ q: e.currentTarget.value, n: "" })}
        />
      </header>
      <ol class="features">
        {list.slice(0, limit).map((id) => {
          const place = placeOf(id);
          const users = h.classesOf(place);
          return (
            <li class="feature-row" key={id}>
              <div class="feature-name">
                <a href={link("feature", [id])} dir="auto">
                  {nameOf(id)}
                </a>
                <small dir="auto">
                  {users
                    .slice(0, 4)
                    .map((u) => `${u.weight < 0 ? "−" : "+"} ${m.classes[u.column].slice(0, 24)}`)
                    .join(", ")}
                  {users.length > 4 && ` and ${users.length - 4} more`}
                </small>
              </div>
              <div>
                <Explanations place={place} brief />
                {m.kind !== "array" && (
                  <Strip rows={(features.value?.top[place] ?? []).slice(0, m.kind === "text" ? 2 : 8)} />
                )}
              </div>
            </li>
          );
        })}
      </ol>
      {list.length > limit && (
        <button class="more" onClick={() => set({ n: String(limit + 4 * STEP) })}>
          {list.length - limit} more
        </button>
      )}
    </>
  );
}
