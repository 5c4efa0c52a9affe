// Pictures and words that explain a feature.
import { features, info } from "../model/store";
import { short } from "./format";

export function Explanations({ place, brief = false }: { place: number; brief?: boolean }) {
  const list = features.value?.explanations[place] ?? [];
  if (!list.length) return null;
  return (
    <div class={brief ? "explanations brief" : "explanations"}>
      {list.slice(0, brief ? 3 : undefined).map((e) => (
        <figure>
          {e.media && info().media[e.media] && <img src={info().media[e.media]} alt={e.caption} loading="lazy" />}
          {e.words.length > 0 && <Words words={e.words.slice(0, brief ? 8 : 40)} />}
          {!brief && <figcaption>{e.caption}</figcaption>}
        </figure>
      ))}
    </div>
  );
}

export function Words({ words }: { words: [string, number][] }) {
  const max = Math.max(...words.map(([, v]) => Math.abs(v)), 1e-12);
  return (
    <p class="words">
      {words.map(([word, v]) => (
        <span
          class={v < 0 ? "minus" : "plus"}
          title={short(v)}
          style={{ fontSize: `${0.85 + 0.75 * Math.sqrt(Math.abs(v) / max)}em` }}
        >
          {v < 0 ? "−" : ""}
          {word}{" "}
        </span>
      ))}
    </p>
  );
}
