// All features that the head uses.
import { computed } from "@preact/signals";
import { features, head, info, nameOf, placeOf } from "../model/store";
import { link, param, set } from "../model/route";
import { useGrowing } from "../ui/Later";
import { Strip } from "../ui/Thumb";
import { Waiting } from "../ui/Prose";
import { plural, whole } from "../ui/format";
import { Explanations } from "../ui/Explanations";

const STEP = 20;

const order = computed(() => {
  const h = head.value;
  if (!h) return [];
  const { shipped } = info();
  const places = Array.from(shipped.keys()).filter((p) => h.count(p) > 0);
  return places.sort((a, b) => h.count(b) - h.count(a) || h.largest[b] - h.largest[a]).map((p) => shipped[p]);
});

/** Features in use, those of most classes first. */
export function usedFeatures(): number[] {
  return order.value;
}

export function Features() {
  const m = info();
  const h = head.value;
  const q = param("q").toLowerCase();
  const limit = Number(param("n")) || STEP;
  const drawn = useGrowing(limit, 3);
  if (!h) return <Waiting />;
  const list = usedFeatures().filter((id) => nameOf(id).toLowerCase().includes(q));
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Features</h1>
          <p class="lede">
            {plural(list.length, "feature")} of {whole(m.n_features)} in use, those of most classes first.
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
        {list.slice(0, drawn).map((id) => {
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
                  <Strip line rows={(features.value?.top[place] ?? []).slice(0, m.kind === "text" ? 2 : 12)} />
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
