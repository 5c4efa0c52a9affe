// Work in small pieces, so that the page never holds still: parts of a page appear one frame after another.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

function nextFrame(then: () => void): () => void {
  let timer: number | undefined;
  const frame = requestAnimationFrame(() => {
    timer = setTimeout(then, 0);
  });
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}

/** Its children, `frames` frames later than itself. */
export function Later({ frames = 1, children }: { frames?: number; children: ComponentChildren }) {
  const [left, setLeft] = useState(frames);
  useEffect(() => (left > 0 ? nextFrame(() => setLeft(left - 1)) : undefined), [left]);
  return left > 0 ? <span class="waiting unseen" /> : <>{children}</>;
}

/** How many of `total` items to draw now: a few more every frame. */
export function useGrowing(total: number, step: number): number {
  const [count, setCount] = useState(step);
  useEffect(() => (count < total ? nextFrame(() => setCount(count + step)) : undefined), [count, total, step]);
  return Math.min(count, total);
}

/** The last value of a long computation that yields as it goes; undefined until it is done. */
export function useSlowly<T>(make: () => Generator<undefined, T>, inputs: unknown[]): T | undefined {
  const [done, setDone] = useState<{ value: T; inputs: unknown[] }>();
  useEffect(() => {
    const steps = make();
    let stop: (() => void) | undefined;
    const go = () => {
      const end = performance.now() + 12;
      let step = steps.next();
      while (!step.done && performance.now() < end) step = steps.next();
      if (step.done) setDone({ value: step.value, inputs });
      else stop = nextFrame(go);
    };
    go();
    return () => stop?.();
  }, inputs);
  return done && inputs.every((v, i) => v === done.inputs[i]) ? done.value : undefined;
}
