/**
 * graftlet: one frozen transformer in a browser tab, and small adapters that make it a specialist.
 */
export { type ErrorCode, GraftletError } from "./errors.js";
export { fetchFile } from "./fetch-file.js";
export { Graftlet, type LoadOptions } from "./graftlet.js";
export type { Reservation } from "./locks.js";
export { checkName } from "./names.js";
export type { Change } from "./tabs.js";
export type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  AddedAdapter,
  Answer,
  AnswerBase,
  BackboneInfo,
  Classification,
  Composition,
  EngineBuild,
  Evaluation,
  HardRow,
  InterruptedRun,
  KeptFolder,
  KindInfo,
  LabelScore,
  LabelsAnswer,
  Linear,
  LoadNotice,
  LoadProgress,
  ManyProgress,
  Metric,
  NumberAnswer,
  Part,
  Problem,
  Recipe,
  Row,
  RuntimeInfo,
  Score,
  Span,
  SpansAnswer,
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
