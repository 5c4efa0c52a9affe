// What is special to findings of a kind. A kind that is not here still shows: its sentence, numbers and tables do.
import type { ComponentType } from "preact";
import type { FindingData } from "../../model/types";
import { CommonPatterns, Matched } from "./Asked";
import { BiasErrors, BiasWords } from "./Bias";
import { Changed } from "./Changed";
import { Confused } from "./Confused";
import { Entering } from "./Entering";
import { Pasted } from "./Pasted";
import { Repair } from "./Repair";
import { Sentences } from "./Sentences";
import { Shared } from "./Shared";
import { Simulated } from "./Simulated";
import { Suspects } from "./Suspects";
import { Sweep } from "./Sweep";

const SPECIAL: Record<string, ComponentType<{ data: FindingData }>> = {
  bias_errors: BiasErrors,
  bias_words: BiasWords,
  compare: Changed,
  confusion: Confused,
  ordering: Entering,
  repair: Repair,
  spurious: Shared,
  story: Suspects,
  study_misclassification: Matched,
  study_simulate: Simulated,
  study_spurious: CommonPatterns,
  suspects: Suspects,
  tradeoff: Sweep,
  repair_curve: Sweep,
  counterfactual_image: Pasted,
  counterfactual_text: Sentences,
};

/** Kinds whose own section draws what their tables estimate. */
const DRAWN = new Set(["repair", "tradeoff", "ordering", "bias_words", "bias_errors", "counterfactual_image"]);

/** A label's own finding is drawn as the kind it is of, a rehearsal as what people said would be. */
function plainKind(kind: string): string {
  return kind.replace(/^label_/, "").replace(/^rehearsed_/, "study_");
}

export function special(kind: string): ComponentType<{ data: FindingData }> | undefined {
  const plain = plainKind(kind);
  return Object.hasOwn(SPECIAL, plain) ? SPECIAL[plain] : undefined;
}

export function drawsItself(kind: string): boolean {
  return DRAWN.has(plainKind(kind));
}
