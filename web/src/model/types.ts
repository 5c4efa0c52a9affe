// The shapes that `clearhead.report.pack` writes.

export interface PathPoint {
  lambda_: number;
  features_per_class: number;
  features_used: number;
  density: number;
  gap: number | null;
  status: string;
  kkt: number | null;
  n_iter: number | null;
  train: number | null;
  val: number | null;
  test: number | null;
  fidelity: number | null;
}

export interface HeadSummary {
  name: string;
  lambda_: number | null;
  point: number | null;
  nonzeros: number;
  used: number;
  per_class: number[];
}

export interface FindingSummary {
  kind: string;
  title: string;
  sentence: string;
  /** Whether it explains features rather than judging the head. */
  explains: boolean;
}

export interface Manifest {
  schema: number;
  title: string;
  kind: "image" | "text" | "array";
  many_labels: boolean;
  margin: boolean;
  classes: string[];
  n_features: number;
  feature_names: string[];
  shipped: Int32Array;
  path: PathPoint[];
  heads: HeadSummary[];
  selected: number;
  dense: HeadSummary | null;
  dense_scores: Record<string, number>;
  scores: Record<string, number | null>;
  split_sizes: Record<string, number>;
  verdict: string[];
  certificate: string;
  caveats: string[];
  n_examples: number;
  uniform_known: boolean;
  sample_note: string;
  has_thumbnails: boolean;
  has_removals: boolean;
  has_network: boolean;
  against: AgainstSummary | null;
  values: { per_block: number; blocks: number };
  findings: FindingSummary[];
  mentions: Record<string, number[]>;
  media: Record<string, string>;
  sensitive: boolean;
  provenance: Record<string, unknown>;
}

export interface AgainstSummary {
  title: string;
  verdict: string[];
  scores: Record<string, number | null>;
  features_per_class: number;
  features_used: number;
  comparable: boolean;
}

export interface HeadData {
  feature: Int32Array;
  column: Int32Array;
  weight: Float32Array;
  intercept: Float32Array;
}

export interface DenseData {
  top: number;
  feature: Int32Array;
  column: Int32Array;
  weight: Float32Array;
  mass: Float32Array;
}

export interface ExamplesData {
  label: Int32Array;
  network: Int32Array;
  row: Int32Array;
  predicted: Int32Array;
  label_bits?: Uint8Array;
  network_bits?: Uint8Array;
  predicted_bits?: Uint8Array;
  uniform: Uint8Array;
  tie: Uint8Array;
  split: string[];
  uri: string[];
  text: string[];
  thumb: (string | null)[];
  low: Float32Array;
  step: Float32Array;
  groups: string[];
}

export interface ExplanationData {
  kind: string;
  caption: string;
  media: string | null;
  words: [string, number][];
}

export interface FeaturesData {
  bins: number;
  count: Uint32Array;
  edge: Float32Array;
  top: number[][];
  neighbours: Int32Array;
  correlation: Float32Array;
  n_neighbours: number;
  explanations: ExplanationData[][];
}

export interface EstimateData {
  value: number;
  low: number;
  high: number;
  n: number;
  method: string;
  level: number;
}

export type Scalar = string | number | boolean | null;

export interface FindingData {
  kind: string;
  title: string;
  sentence: string;
  caveats: string[];
  numbers: Record<string, Scalar | EstimateData>;
  settings: Record<string, unknown>;
  media: Record<string, string | null>;
  /** Whether its row numbers are those of the table, so that its rows can be shown. */
  table_rows: boolean;
  tables: Record<string, { columns: string[]; units: Record<string, string> }>;
}

/** One feature of one class: the place among shipped features and the weight. */
export interface Weighted {
  place: number;
  weight: number;
}
