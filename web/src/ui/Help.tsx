// What the keys do.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

export const helping = signal(false);

const KEYS: [string, string][] = [
  ["/", "search"],
  ["j  k", "next and previous class, feature, mistake or finding"],
  ["←  →", "fewer or more features: move λ"],
  ["g then o, c, m, e", "go to overview, classes, mistakes, edit"],
  ["x", "cover or show texts and pictures"],
  ["?", "this help"],
  ["esc", "close"],
];

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (helping.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [helping.value]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => (helping.value = false)}
      onClick={(e) => e.target === dialog.current && (helping.value = false)}
    >
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div>
            <dt>
              {key.split("  ").map((k) => (
                <kbd>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="note">
        The address holds all that you see: copy it to share this view. Beside each chart are its table and its data to
        save.
      </p>
      <button autoFocus onClick={() => (helping.value = false)}>
        Close
      </button>
    </dialog>
  );
}
