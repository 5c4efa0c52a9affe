// What is special to findings of a kind. A kind that is not here still shows: its sentence, numbers and tables do.
import type { ComponentType } from "preact";
import type { FindingData } from "../../model/types";

export const SPECIAL: Record<string, ComponentType<{ data: FindingData }>> = {};
