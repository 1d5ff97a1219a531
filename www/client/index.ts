/**
 * graftlet: one frozen transformer in a browser tab, and small adapters that make it a specialist.
 */
export { type ErrorCode, GraftletError } from "./errors.js";
export { Graftlet, type LoadOptions } from "./graftlet.js";
export type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  Answer,
  AnswerBase,
  BackboneInfo,
  Classification,
  EngineBuild,
  Evaluation,
  HardRow,
  InterruptedRun,
  KindInfo,
  LabelScore,
  LabelsAnswer,
  Linear,
  LoadProgress,
  ManyProgress,
  Metric,
  NumberAnswer,
  Problem,
  Row,
  RuntimeInfo,
  Score,
  Span,
  SpansAnswer,
  SuspectRow,
  TaggedRow,
  Text,
  TrainEvent,
  TrainOptions,
  TrainReport,
  TrainRun,
} from "./types.js";
