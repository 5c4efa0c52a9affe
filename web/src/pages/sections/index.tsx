// What is special to findings of a kind. A kind that is not here still shows: its sentence, numbers and tables do.
import type { ComponentType } from "preact";
import type { FindingData } from "../../model/types";
import { BiasErrors, BiasWords } from "./Bias";
import { Changed } from "./Changed";
import { Confused } from "./Confused";
import { Entering } from "./Entering";
import { Repair } from "./Repair";
import { Sentences } from "./Sentences";
import { Shared } from "./Shared";
import { Simulated } from "./Simulated";
import { Suspects } from "./Suspects";
import { Sweep } from "./Sweep";

export const SPECIAL: Record<string, ComponentType<{ data: FindingData }>> = {
  bias_errors: BiasErrors,
  bias_words: BiasWords,
  compare: Changed,
  confusion: Confused,
  ordering: Entering,
  repair: Repair,
  spurious: Shared,
  study_simulate: Simulated,
  suspects: Suspects,
  tradeoff: Sweep,
  repair_curve: Sweep,
  counterfactual_text: Sentences,
};
