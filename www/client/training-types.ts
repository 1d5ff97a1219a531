/**
 * The values of training: rows, options, events and reports. Plain data, as all in `types.ts`.
 */
import type { ErrorCode } from "./errors.js";
import type { AdapterOptions } from "./kinds.js";
import type { METRICS, PROBLEMS } from "./problems.js";
import type { Picture, Problem, Sound } from "./types.js";

/** One labelled example: a text or a pair. Several labels are joined by "|", a number is written as one. */
export interface Row {
  text: string;
  text2?: string;
  label: string;
}

/** One sentence whose words have tags ("B-person", "I-person", "O"), for the problem `token_classification`. */
export interface TaggedRow {
  words: readonly { text: string; tag: string }[];
}

/** One labelled recording. Several labels are joined by "|", a number is written as one. */
export interface SoundRow {
  sound: Sound;
  label: string;
}

/** One labelled picture. */
export interface PictureRow {
  picture: Picture;
  label: string;
}

/** A row to learn from: of texts, or of what else the model reads. */
export type AnyRow = Row | TaggedRow | SoundRow | PictureRow;

/** A row whose label may be missing. */
type Labelless<R> = Omit<R, "label"> & { label?: string };

/**
 * A row that an adapter has learnt before, or one like it; without a label an input of which the adapter keeps what it says.
 */
export type ReplayRow = Labelless<Row> | TaggedRow | Labelless<SoundRow> | Labelless<PictureRow>;

/** What the best epoch is chosen by. */
export type Metric = (typeof METRICS)[number] | { name: "f1"; positive: string };

/** A frozen linear layer of the encoder: those of every block, and the pooler's. */
export type Linear =
  | "query"
  | "key"
  | "value"
  | "attention_output"
  | "ffn_up"
  | "ffn_down"
  | "pooler";

/** What `train` needs; whatever is left out gets the engine's default, by the kind and the number of rows. */
export interface TrainOptions extends AdapterOptions {
  /** The new adapter's name. */
  name: string;
  /** A `KindInfo.name`; with `from` it is that adapter's, or empty. */
  kind: string;
  /**
   * A loaded adapter to go on from: all of it is trained further, with its head if the rows have any of its labels.
   * Labels that it does not have are added.
   */
  from?: string;
  /** With `from`: rows that should not be forgotten. Half of each batch are of these. */
  replay?: readonly ReplayRow[];
  /**
   * With `from`: the weight, 0 or more, of what the adapter said before of a row, beside what the row's label says. 0 switches
   * it off.
   */
  distillation?: number;
  /** What the rows' labels say; by default one label a text. */
  problem?: Problem;
  /** The same by transformers' name. */
  problemType?: Problem | (typeof PROBLEMS)[Problem]["aliases"][number];
  /** The label of rows that have none of the others: it is answered where no other label has a good score. */
  reject?: string;
  /**
   * The label of recordings of the background: the others are learnt from in copies that are mixed with them, too. A run then holds
   * the recordings themselves.
   */
  background?: string;
  /** Copies of each recording, by default 8. */
  backgroundCopies?: number;
  /**
   * Steps before the epochs, in which texts with the same label come to have near vectors; the head is fitted to these in one go.
   * By default there are some where rows are few.
   */
  contrastiveSteps?: number;
  /** The highest learning rate of these steps. */
  contrastiveLearningRate?: number;
  /** Where a head is fitted in one go, the inverse of its regularisation's strength, as scikit-learn has it. */
  c?: number;
  /** With 0, the head is fitted in one go and nothing else is trained after it. */
  epochs?: number;
  /** Epochs without a better score after which the run ends. */
  patience?: number;
  batchSize?: number;
  /** Batches whose gradients make one step. */
  accumulation?: number;
  /** The highest learning rate. */
  learningRate?: number;
  /** The head's, in its place. */
  headLearningRate?: number;
  /** How it falls. */
  schedule?: "linear" | "cosine";
  /** Share of the steps during which it rises, 0 to 1. */
  warmup?: number;
  weightDecay?: number;
  /** Euclidean norm that a step's gradient is cut to. */
  gradientClip?: number;
  /** Probability with which an element of what the head reads is left out in training. */
  headDropout?: number;
  /** Share of a label's target that is spread over all labels. */
  labelSmoothing?: number;
  /**
   * Weights of labels in the loss: of one label a text the row's weight, of several labels that of a label where a row has
   * it. `balanced` takes them from how rare each label is.
   */
  classWeights?: "balanced" | Record<string, number>;
  /** Part of the rows held out to judge the adapter by, 0 to 1. */
  devShare?: number;
  /** How many of the last rows are the held-out ones, in place of a share. */
  devRows?: number;
  /** Parts of the rows that are held out one after the other, in place of one share; the adapter learns from all rows then. */
  folds?: number;
  /** Whether the adapter learns from all rows in the end, those that were held out to judge it too. */
  refit?: boolean;
  /** Two runs with one seed on the same rows, and as many workers, give the same adapter. */
  seed?: number;
  /** What the head reads. */
  pooling?: "mean" | "first" | "pooler";
  /**
   * How the head reads the two texts of a pair: `joint` as one sequence (a cross-encoder), or `apart`, each as a sequence of its
   * own (a bi-encoder). An adapter trained with `apart` also gives vectors whose cosine is the trained one.
   */
  pairs?: "joint" | "apart";
  metric?: Metric;
  /** Whether the adapter is rounded to 16-bit floats, which halves its file. */
  half?: boolean;
  /** What the task is, in a sentence; the adapter's card keeps it. */
  task?: string;

  /** The loaded bottlenecks that a new one of kind `fusion` mixes. */
  adapters?: readonly string[];
  /** transformers' names of options above; each says the same as the one that it stands for. */
  numTrainEpochs?: number;
  perDeviceTrainBatchSize?: number;
  gradientAccumulationSteps?: number;
  lrSchedulerType?: "linear" | "cosine";
  warmupRatio?: number;
  maxGradNorm?: number;
  labelSmoothingFactor?: number;
  classifierDropout?: number;
  earlyStoppingPatience?: number;

  /**
   * Workers that share the run, 1 by default. Each has the backbone in its memory. `auto` takes two where a core is
   * left for the page and the device has 4 GB or more. Another number of workers rounds sums differently, no more.
   */
  workers?: number | "auto";
}

/** What `train` needs to go on from an adapter, whose kind need not be said. */
export type TrainFromOptions = Omit<TrainOptions, "kind"> & { from: string; kind?: string };

/**
 * What happens in a training run, in order. `step` never falls and never passes `steps`, `steps` is constant
 * within a run, and a run that is not aborted ends with `done`.
 */
export type TrainEvent =
  | {
      type: "step";
      step: number;
      steps: number;
      epoch: number;
      epochs: number;
      /** Mean loss of the step's rows: cross-entropy in nats, or a number's squared error. */
      loss: number;
      learningRate: number;
    }
  /** How many of the rows were read; of recordings and pictures only, before everything else. */
  | { type: "reading"; done: number; total: number }
  /** A part of something else: of the vectors of a step, or of the fit of the head. */
  | { type: "working"; done: number; total: number; step: number; steps: number }
  | { type: "evaluating"; done: number; total: number; step: number; steps: number }
  | {
      type: "eval";
      epoch: number;
      epochs: number;
      metric: string;
      score: number;
      loss: number;
      /** True when this is the best epoch so far, the last within one held-out row of the highest score: the one kept. */
      best: boolean;
      step: number;
      steps: number;
    }
  | {
      type: "notice";
      /**
       * Something was done without. Of `workers` and `checkpoint` the run goes on; `storage` comes before `done`, when
       * the finished adapter is loaded and the browser does not keep it: offer it for download, or try `keep` again.
       */
      about: "workers" | "checkpoint" | "storage";
      code: ErrorCode;
      message: string;
    }
  | {
      type: "done";
      name: string;
      metric: string;
      score: number;
      epochs: number;
      steps: number;
      trainRows: number;
      devRows: number;
      parameters: number;
      report: TrainReport;
      /** Workers that shared the last step. */
      workers: number;
      /** Most WebAssembly memory of one worker, in bytes. */
      memory: number;
    };

/**
 * A run under way, as `train` and `continueTraining` give it: its events in a loop. Leaving the loop ends the run and
 * removes what was kept of it, as `cancel` does.
 */
export interface TrainRun extends AsyncGenerator<TrainEvent, void, undefined> {
  /** Resolves when the step under way is done; from then on nothing is computed. */
  pause(): Promise<void>;
  /** Goes on. */
  resume(): Promise<void>;
  /** Ends the run at once. */
  cancel(): Promise<void>;
}

/** What there is to say of a run that is over, of its best epoch. Row numbers are zero-based. */
export interface TrainReport {
  metric: string;
  /** On the held-out rows, as the finished adapter answers them. */
  score: number;
  epochs: number;
  steps: number;
  parameters: number;
  trainRows: number;
  devRows: number;
  /** Rows that were longer than the backbone reads, and were cut. */
  truncated: number;
  evaluation: Evaluation;
  /** Logits are divided by it before they become scores, so that scores say how often they are right. */
  temperature?: number;
  /** Expected calibration error on the held-out rows without the temperature, and with it. */
  calibrationErrorBefore?: number;
  calibrationError?: number;
  /** Score that the best label must reach, with the option `reject`. */
  rejectThreshold?: number;
  /** The held-out rows with the highest loss, that first. */
  hardest: HardRow[];
  /** Rows whose label may be wrong, the least likely first; of problems with one label only. */
  suspects: SuspectRow[];
}

/** How well answers to held-out rows fit. */
export interface Evaluation {
  rows: number;
  loss: number;
  /** Every measure of the problem by name, such as `accuracy` and `macro_f1`. */
  scores: Record<string, number>;
  /** Of each label, or of each kind of span; empty of a number. */
  perLabel: LabelScore[];
  /** `confusion[truth][answer]` counts rows in the order of `perLabel`; absent where a row may have several labels. */
  confusion?: number[][];
}

export interface LabelScore {
  label: string;
  precision: number;
  recall: number;
  f1: number;
  /** Rows, or spans, that are it. */
  rows: number;
}

export interface HardRow {
  row: number;
  label: string;
  answer: string;
  loss: number;
}

export interface SuspectRow {
  row: number;
  /** True when it was held out; else it was learnt from. */
  heldOut: boolean;
  label: string;
  score: number;
  /** The label that it was answered with, and that one's score. */
  rival: string;
  rivalScore: number;
}

/** What `suggest` takes: settings of a training that hold for all kinds. */
export type SuggestOptions = Pick<
  TrainOptions,
  "problem" | "reject" | "metric" | "epochs" | "batchSize" | "seed" | "pooling" | "pairs"
>;

/** How far a comparison is; `done` is the share of it that is done, 0 to 1. */
export type SuggestEvent =
  | { type: "working"; kind: string; done: number }
  | { type: "scored"; kind: string; fold: number; score: number; done: number };

/** The kind that did best in a comparison by cross-validation. */
export interface Suggestion {
  /** A `KindInfo.name`: of a head alone, unless another was better by more than noise. */
  choice: string;
  metric: string;
  candidates: {
    kind: string;
    /** On each fold. */
    scores: number[];
    mean: number;
    /** Mean difference to a head alone, and its standard error. */
    gain: number;
    error: number;
  }[];
}

/** A training run that this browser kept when its page went away. */
export interface InterruptedRun {
  name: string;
  /** May be empty for a run that started from an adapter. */
  kind: string;
  /** All rows of the run. */
  rows: number;
  /** Epochs that are behind it, of `epochs`; that many are known only once one is kept. */
  epoch: number;
  epochs: number | null;
  /** When it was last kept, in milliseconds since 1970. */
  savedAt: number | null;
  options: TrainOptions;
  /** Why it cannot go on: its record is damaged. Then nothing but the name is known of it, and it can be forgotten. */
  broken?: { code: ErrorCode; message: string };
}
