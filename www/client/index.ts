/**
 * graftlet: one frozen transformer in a browser tab, and small adapters that make it a specialist.
 */
export { type ErrorCode, GraftletError } from "./errors.js";
export { Graftlet, type LoadOptions } from "./graftlet.js";
export type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  BackboneInfo,
  Classification,
  Composition,
  EngineBuild,
  KindInfo,
  LoadProgress,
  Part,
  Recipe,
  Row,
  RuntimeInfo,
  Text,
  TrainEvent,
  TrainOptions,
} from "./types.js";
