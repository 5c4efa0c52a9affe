// What the page and its worker say to each other.

export interface Setup {
  t: "setup";
  n: number;
  k: number;
  perBlock: number;
  low: Float32Array;
  step: Float32Array;
  many: boolean;
}

export interface Changes {
  place: number[];
  column: number[];
  weight: number[];
}

export type Request =
  | Setup
  | { t: "block"; number: number; chunks: string[] }
  | {
      t: "head";
      id: number;
      feature: Int32Array;
      column: Int32Array;
      weight: Float32Array;
      intercept: Float32Array;
    }
  | ({ t: "edit"; id: number } & Changes)
  | { t: "column"; id: number; place: number }
  | { t: "row"; id: number; i: number };

export interface Answer {
  id: number;
  predicted?: Int32Array;
  margin?: Float32Array;
  bits?: Uint8Array;
  values?: Float32Array;
}

export interface Scores {
  predicted: Int32Array;
  margin?: Float32Array;
  bits?: Uint8Array;
}
