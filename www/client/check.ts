/**
 * Arguments as they come from outside: each is checked and copied before anything is sent to the worker. The tables at
 * the end list every option, and the compiler holds them to the types: an option that one of them lacks is an error.
 */
import { isCompiled } from "./builds.js";
import { composition, MOST_PARTS, name, recipe } from "./check-composition.js";
import { type Media, media, type Reads, refuseOther } from "./check-media.js";
import {
  array,
  boolean,
  type Check,
  callback,
  checked,
  either,
  type Fields,
  isArray,
  isPlain,
  isPlainObject,
  isString,
  MOST_ITEMS,
  number,
  object,
  oneOf,
  optional,
  record,
  refuse,
  shown,
  signal,
  string,
} from "./check-values.js";
import type { ClassifierOptions } from "./classifier.js";
import { isList } from "./given-folder.js";
import type { BackboneSource, LoadOptions, RestartEvent } from "./graftlet.js";
import { ADAPTER_OPTIONS, type AdapterOptions } from "./kinds.js";
import type { Reservation } from "./locks.js";
import { METRICS, PROBLEMS } from "./problems.js";
import type {
  AdapterFiles,
  AdapterFormat,
  ClassifyOptions,
  EmbedOptions,
  EngineBuild,
  ListenOptions,
  ManyProgress,
  Problem,
  ReplayRow,
  SuggestEvent,
  SuggestOptions,
  Text,
  TrainOptions,
} from "./types.js";

export { type Check, callback, checked, composition, name, recipe, shown };

/** Most characters of a text that are read; what comes after them is left out, and the answer says so. */
export const MAX_CHARACTERS = 100_000;
/** Most UTF-16 units of it that are sent: two a character, and one character more, by which the engine sees the cut. */
const UNITS = 2 * MAX_CHARACTERS + 2;
/** Most files of an adapter. */
const MOST_FILES = 1000;
/** A model's folder may come with all that a hub keeps beside it. */
const MOST_GIVEN = 100_000;

/** As much of a text as the engine needs to see that it is longer than what is read. */
export function readable(text: string): string {
  return text.length > UNITS ? text.slice(0, UNITS) : text;
}

const part: Check<string> = (value, at) =>
  typeof value === "string" ? readable(value) : refuse(value, at, "a string");

const both: Check<Exclude<Text, string>> = (value, at) => {
  if (!isPlain(value)) refuse(value, at, "a string or { text, text2 }");
  const { text, text2 } = value as Record<string, unknown>;
  const first = part(text, `${at}.text`);
  return text2 === undefined ? { text: first } : { text: first, text2: part(text2, `${at}.text2`) };
};

/** A text, cut to what is read of it. Other fields, such as the label of a row, are no part of it. */
const text: Check<Text> = either(isString, part, both);

/** An input of a model that reads these, or many. Messages call one of recordings and pictures by its number. */
export function inputs(reads: Reads): Check<Text | Text[] | Media | Media[]> {
  if (reads !== "texts") {
    const one = media(reads);
    const many: Check<Media[]> = (value, at) => {
      const list = value as unknown[];
      refuseMore(list, at);
      return Array.from(list, (item, index) => one(item, `Input ${index + 1}`));
    };
    return either<Media[], Media>(isArray, many, (value) => one(value, "Input 1"));
  }
  const one: Check<Text> = (value, at) => {
    refuseOther(value, at, reads);
    return text(value, at);
  };
  return either(isArray, array(one), one);
}

function refuseMore({ length }: readonly unknown[], at: string): void {
  if (length > MOST_ITEMS) {
    refuse([], `${at}, with ${length} elements,`, `at most ${MOST_ITEMS}`);
  }
}

const bytes: Check<Uint8Array> = (value, at) => {
  if (!(value instanceof Uint8Array)) refuse(value, at, "a Uint8Array");
  const { buffer } = value as Uint8Array;
  if ((buffer as { detached?: boolean }).detached) {
    refuse(value, `${at}, whose buffer was moved away,`, "bytes that are still here");
  }
  return new Uint8Array(value as Uint8Array);
};

export const files: Check<AdapterFiles> = record(bytes, MOST_FILES);

/** A URL or a folder's files. */
export const source: Check<string | URL | AdapterFiles> = (value, at) =>
  typeof value === "string" || value instanceof URL ? value : files(value, at);

const compositions = either(isArray, array(composition, MOST_PARTS), composition);

const workers = either(isString, oneOf("auto"), number);

export const classifyOptions = object<ClassifyOptions>({
  with: optional(compositions),
  truncate: optional(boolean),
  workers: optional(workers),
  signal: optional(signal),
  onProgress: optional<(progress: ManyProgress) => void>(callback),
});

export const embedOptions = object<EmbedOptions>({
  with: optional(composition),
  truncate: optional(boolean),
  details: optional(boolean),
  signal: optional(signal),
  onProgress: optional<(progress: ManyProgress) => void>(callback),
});

export const addOptions = object<{ persist?: boolean; signal?: AbortSignal }>({
  persist: optional(boolean),
  signal: optional(signal),
});

export const callOptions = object<{ signal?: AbortSignal }>({ signal: optional(signal) });

export const persistOptions = object<{ persist?: boolean }>({ persist: optional(boolean) });

export const exportOptions = object<{ format?: AdapterFormat }>({
  format: optional(oneOf("peft", "adapterhub")),
});

const reservation: Check<Reservation> = (value, at) => {
  const { name, release } = isPlain(value) ? value : {};
  const isReservation = typeof name === "string" && typeof release === "function";
  return isReservation ? (value as unknown as Reservation) : refuse(value, at, "a Reservation");
};

export const trainSettings = object<{
  signal?: AbortSignal;
  persist?: boolean;
  checkpoints?: boolean;
  reservation?: Reservation;
}>({
  signal: optional(signal),
  persist: optional(boolean),
  checkpoints: optional(boolean),
  reservation: optional(reservation),
});

export const listenOptions = object<ListenOptions>({
  with: optional(name),
  window: optional(number),
  hop: optional(number),
  smoothing: optional(number),
  threshold: optional(number),
  refractory: optional(number),
  background: optional(array(string, MOST_PARTS)),
});

export const suggestSettings = object<{
  signal?: AbortSignal;
  onProgress?: (event: SuggestEvent) => void;
}>({
  signal: optional(signal),
  onProgress: optional<(event: SuggestEvent) => void>(callback),
});

/** The rows themselves are checked one by one as they are sent. */
export const rows: Check<readonly unknown[]> = (value, at) => {
  if (!Array.isArray(value)) refuse(value, at, "an array of rows { text, label }");
  const { length } = value as unknown[];
  if (length > MOST_ITEMS) refuse(value, `${at}, with ${length} rows,`, `at most ${MOST_ITEMS}`);
  return value as unknown[];
};

const numbers = array(number, MOST_PARTS);

/** Forms of the settings of fresh adapters, by the words of their table. */
const FORMS = {
  number,
  boolean,
  string,
  words: array(string, MOST_PARTS),
  "word or words": either(isString, string, array(string, MOST_PARTS)),
  numbers,
  "number or numbers": either(isArray, numbers, number),
  "numbers by name": record(number, MOST_PARTS),
};

/** The settings of fresh adapters, made from their table. */
const adapterOptions = Object.fromEntries(
  Object.entries(ADAPTER_OPTIONS).map(([name, form]) => {
    const check: Check<unknown> = typeof form === "string" ? FORMS[form] : oneOf(...form);
    return [name, optional(check)];
  }),
) as Fields<AdapterOptions>;

const names = Object.keys(PROBLEMS) as Problem[];
const problem = oneOf(...names);
const metric = either(
  isString,
  oneOf(...METRICS),
  object<{ name: "f1"; positive: string }>({ name: oneOf("f1"), positive: string }),
);

const suggested: Fields<SuggestOptions> = {
  problem: optional(problem),
  reject: optional(string),
  metric: optional(metric),
  epochs: optional(number),
  batchSize: optional(number),
  seed: optional(number),
  pooling: optional(oneOf("mean", "first", "pooler")),
  pairs: optional(oneOf("joint", "apart")),
};

export const suggestOptions = object<SuggestOptions>(suggested);

/** The form of a training's options; ranges, the engine says. */
export const trainOptions = object<TrainOptions>({
  ...suggested,
  name,
  // With `from` it is that adapter's.
  kind: (value, at) => (value === undefined ? "" : string(value, at)),
  from: optional(name),
  replay: optional(rows as Check<readonly ReplayRow[]>),
  distillation: optional(number),
  problemType: optional(
    oneOf(...names, ...Object.values(PROBLEMS).flatMap(({ aliases }) => aliases)),
  ),
  background: optional(string),
  backgroundCopies: optional(number),
  patience: optional(number),
  accumulation: optional(number),
  contrastiveSteps: optional(number),
  contrastiveLearningRate: optional(number),
  c: optional(number),
  learningRate: optional(number),
  headLearningRate: optional(number),
  schedule: optional(oneOf("linear", "cosine")),
  warmup: optional(number),
  weightDecay: optional(number),
  gradientClip: optional(number),
  headDropout: optional(number),
  labelSmoothing: optional(number),
  classWeights: optional(either(isString, oneOf("balanced"), record(number, MOST_PARTS))),
  devShare: optional(number),
  devRows: optional(number),
  folds: optional(number),
  refit: optional(boolean),
  half: optional(boolean),
  task: optional(string),
  adapters: optional(array(name, MOST_PARTS)),
  ...adapterOptions,
  numTrainEpochs: optional(number),
  perDeviceTrainBatchSize: optional(number),
  gradientAccumulationSteps: optional(number),
  lrSchedulerType: optional(oneOf("linear", "cosine")),
  warmupRatio: optional(number),
  maxGradNorm: optional(number),
  labelSmoothingFactor: optional(number),
  classifierDropout: optional(number),
  earlyStoppingPatience: optional(number),
  workers: optional(workers),
});

const url: Check<string | URL> = (value, at) =>
  typeof value === "string" || value instanceof URL ? value : refuse(value, at, "a URL");

const wasmUrl: Check<NonNullable<LoadOptions["wasmUrl"]>> = either(
  isPlainObject,
  object<Partial<Record<EngineBuild, string | URL>>>({
    simd128: optional(url),
    relaxed: optional(url),
  }),
  url,
);

const compiled: Check<WebAssembly.Module> = (value, at) =>
  isCompiled(value) ? value : refuse(value, at, "a WebAssembly.Module");

const loading: Omit<Fields<LoadOptions>, "backbone"> = {
  onProgress: optional<NonNullable<LoadOptions["onProgress"]>>(callback),
  onNotice: optional<NonNullable<LoadOptions["onNotice"]>>(callback),
  onRestart: optional<(event: RestartEvent) => void>(callback),
  signal: optional(signal),
  build: optional(oneOf("simd128", "relaxed")),
  kernels: optional(oneOf("relaxed-simd", "dot")),
  dtype: optional(oneOf("int8", "q4", "f16", "f32")),
  wasmUrl: optional(wasmUrl),
  wasm: optional(compiled),
  workerUrl: optional(url),
  worker: optional<() => Worker>(callback),
  workers: optional(workers),
};

/** A folder's URL or its files. What a file is of is checked, and nothing is read yet. */
const folder: Check<BackboneSource> = (value, at) => {
  if (typeof value === "string" || value instanceof URL) return value;
  const content: Check<Blob | Uint8Array> = (value, at) =>
    value instanceof Blob ? value : bytes(value, at);
  if (!isList(value)) return record(content, MOST_GIVEN)(value, at);
  const file: Check<File> = (value, at) =>
    value instanceof File ? value : refuse(value, at, "a File");
  const list = Array.isArray(value) ? value : Array.from(value);
  return array(file, MOST_GIVEN)(list, at);
};

export const loadOptions = object<LoadOptions>({ backbone: folder, ...loading });

/** Those that stand behind a folder. */
export const furtherOptions = object<Omit<LoadOptions, "backbone">>(loading);

export const classifierOptions = object<ClassifierOptions>({
  backbone: optional(folder),
  topK: optional((value, at) => (value === Number.POSITIVE_INFINITY ? value : number(value, at))),
  ...loading,
});
