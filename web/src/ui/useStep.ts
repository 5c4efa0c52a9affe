// What `j` and `k` lead to on this page.
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

export const steps = signal<{ next?: string; previous?: string }>({});

export function useStep(previous: string | undefined, next: string | undefined): void {
  useLayoutEffect(() => {
    steps.value = { previous, next };
    return () => {
      steps.value = {};
    };
  }, [previous, next]);
}
