/**
 * graftlet: one frozen transformer in a browser tab, and small adapters that make it a specialist.
 */
export { MAX_CHARACTERS } from "./check.js";
export {
  type Classifier,
  type ClassifierOptions,
  classifier,
  type Labelled,
} from "./classifier.js";
export { type ErrorCode, GraftletError } from "./errors.js";
export { fetchFile } from "./fetch-file.js";
export { type BackboneSource, Graftlet, type LoadOptions, type RestartEvent } from "./graftlet.js";
export type { Reservation } from "./locks.js";
export { checkName } from "./names.js";
export { METRICS, PROBLEMS } from "./problems.js";
export type { Change } from "./tabs.js";
export type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  AdapterOptions,
  AdapterSizes,
  AddedAdapter,
  Answer,
  AnswerBase,
  BackboneInfo,
  Classification,
  ClassifyOptions,
  Composition,
  Embedded,
  EmbedOptions,
  EngineBuild,
  EngineKernels,
  Evaluation,
  Form,
  HardRow,
  InterruptedRun,
  KeptFolder,
  KindInfo,
  LabelForm,
  LabelScore,
  LabelsAnswer,
  LabelsForm,
  Linear,
  LoadNotice,
  LoadProgress,
  ManyProgress,
  Metric,
  NumberAnswer,
  NumberForm,
  Part,
  Problem,
  RankingAnswer,
  ReadOptions,
  Recipe,
  ReplayRow,
  Row,
  RuntimeInfo,
  Score,
  SizeName,
  Span,
  SpansAnswer,
  SpansForm,
  StorageReport,
  SuggestEvent,
  Suggestion,
  SuggestOptions,
  SuspectRow,
  TaggedRow,
  Text,
  TrainEvent,
  TrainFromOptions,
  TrainOptions,
  TrainReport,
  TrainRun,
} from "./types.js";
