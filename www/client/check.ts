/**
 * Arguments as they come from outside: each is checked and copied before anything is sent to the worker. The tables at
 * the end list every option, and the compiler holds them to the types: an option that one of them lacks is an error.
 */

import { isCompiled } from "./builds.js";
import type { ClassifierOptions } from "./classifier.js";
import { GraftletError } from "./errors.js";
import { isList } from "./given-folder.js";
import type { BackboneSource, LoadOptions, RestartEvent } from "./graftlet.js";
import { ADAPTER_OPTIONS, type AdapterOptions } from "./kinds.js";
import type { Reservation } from "./locks.js";
import { checkName } from "./names.js";
import { METRICS, PROBLEMS } from "./problems.js";
import type {
  AdapterFiles,
  AdapterFormat,
  ClassifyOptions,
  Composition,
  EmbedOptions,
  EngineBuild,
  ManyProgress,
  Part,
  Problem,
  Recipe,
  SuggestEvent,
  SuggestOptions,
  Text,
  TrainOptions,
} from "./types.js";

/** Gives a copy of the value, or throws what is wrong with it; `at` says where it stands. */
export type Check<T> = (value: unknown, at: string) => T;

/** A check for every field of `T`. */
export type Fields<T> = { [K in keyof T]-?: Check<T[K]> };

/** Most characters of a text that are read; what comes after them is left out, and the answer says so. */
export const MAX_CHARACTERS = 100_000;
/** Most UTF-16 units of it that are sent: two a character, and one character more, by which the engine sees the cut. */
const UNITS = 2 * MAX_CHARACTERS + 2;
/** Most texts of a call, rows of a run, or files of an adapter. */
const MOST_ITEMS = 5_000_000;
const MOST_FILES = 1000;
/** A model's folder may come with all that a hub keeps beside it. */
const MOST_GIVEN = 100_000;
/** How deep compositions may be nested, and of how many parts they may be. */
const DEEPEST = 32;
const MOST_PARTS = 4096;

/** Runs a check. What getters and proxies of the caller throw becomes a `GraftletError` too. */
export function checked<T>(value: unknown, at: string, check: Check<T>): T {
  try {
    return check(value, at);
  } catch (thrown) {
    if (isOwn(thrown)) throw thrown;
    throw new GraftletError(
      "option_invalid",
      `${at} cannot be read (${reasonOf(thrown)}): give plain data.`,
    );
  }
}

function isOwn(thrown: unknown): boolean {
  try {
    return thrown instanceof GraftletError;
  } catch {
    return false;
  }
}

function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return "reading it throws";
  }
}

function refuse(value: unknown, at: string, wanted: string): never {
  throw new GraftletError("option_invalid", `${at} is ${shown(value)}: give ${wanted}.`);
}

/** A value in a message, without a call to anything that belongs to it. */
export function shown(value: unknown): string {
  if (typeof value === "string") return `“${value.slice(0, 60)}”`;
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return "a BigInt";
  if (typeof value !== "object" || value === null) {
    return Object.is(value, -0) ? "-0" : String(value).slice(0, 60);
  }
  return Array.isArray(value) ? "an array" : "an object";
}

const string: Check<string> = (value, at) =>
  typeof value === "string" ? value : refuse(value, at, "a string");

const boolean: Check<boolean> = (value, at) =>
  typeof value === "boolean" ? value : refuse(value, at, "true or false");

/** A finite number: JSON has no other, and so the engine would take the default in its place. */
const number: Check<number> = (value, at) =>
  typeof value === "number" && Number.isFinite(value)
    ? value
    : refuse(value, at, "a finite number");

export const callback: Check<never> = (value, at) =>
  typeof value === "function" ? (value as never) : refuse(value, at, "a function");

/** The getter of a real signal, also of another frame's, throws for anything else. */
const abortedOf = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get;

const signal: Check<AbortSignal> = (value, at) => {
  try {
    abortedOf?.call(value);
  } catch {
    refuse(value, at, "an AbortSignal");
  }
  return value as AbortSignal;
};

function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined ? undefined : check(value, at));
}

function oneOf<const T extends string>(...choices: readonly T[]): Check<T> {
  return (value, at) =>
    choices.find((choice) => choice === value) ?? refuse(value, at, list(choices, "or"));
}

function either<A, B>(
  isFirst: (value: unknown) => boolean,
  a: Check<A>,
  b: Check<B>,
): Check<A | B> {
  return (value, at) => (isFirst(value) ? a(value, at) : b(value, at));
}

const isString = (value: unknown) => typeof value === "string";
const isArray = (value: unknown) => Array.isArray(value);
const isPlainObject = (value: unknown) => isPlain(value) && !(value instanceof URL);

function list(words: readonly string[], last: string): string {
  return words.length < 2
    ? words.join()
    : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/** An array without holes. */
function array<T>(check: Check<T>, most = MOST_ITEMS): Check<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) refuse(value, at, "an array");
    const { length } = value as unknown[];
    if (length > most) refuse(value, `${at}, with ${length} elements,`, `at most ${most}`);
    const copy: T[] = [];
    for (let index = 0; index < length; index += 1) {
      copy.push(check((value as unknown[])[index], `${at}[${index}]`));
    }
    return copy;
  };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object with these fields and no others; what is left out stays out. */
function object<T extends object>(fields: Fields<T>): Check<T> {
  const names = Object.keys(fields);
  return (value, at) => {
    if (!isPlain(value)) refuse(value, at, `an object with ${list(names.slice(0, 8), "and")}`);
    const given = value as Record<string, unknown>;
    const other = Object.keys(given).find((name) => !names.includes(name));
    if (other !== undefined && given[other] !== undefined) {
      const known = list(names.slice(0, 40), "and");
      throw new GraftletError("option_invalid", `${at} has no “${other}”: there are ${known}.`);
    }
    const copy: Record<string, unknown> = {};
    for (const name of names) {
      const field = fields[name as keyof T](given[name], `${at}.${name}`);
      if (field !== undefined) copy[name] = field;
    }
    return copy as T;
  };
}

function record<T>(check: Check<T>, most: number): Check<Record<string, T>> {
  return (value, at) => {
    if (!isPlain(value)) refuse(value, at, "an object");
    const entries = Object.entries(value as object);
    if (entries.length > most)
      refuse(value, `${at}, with ${entries.length} entries,`, `at most ${most}`);
    // Without a prototype a key such as `__proto__` is a key like any other.
    const copy: Record<string, T> = Object.create(null);
    for (const [key, one] of entries) copy[key] = check(one, `${at}.${key}`);
    return { ...copy };
  };
}

/** The name of an adapter or a run. */
export const name: Check<string> = (value) => {
  checkName(value);
  return value;
};

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

/** One text or many. */
export const texts = either(isArray, array(text), text);

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

/** Counts the parts of a composition, so that one that holds itself has an end. */
class Nesting {
  #parts = 0;

  enter(depth: number, at: string): void {
    this.#parts += 1;
    if (depth <= DEEPEST && this.#parts <= MOST_PARTS) return;
    throw new GraftletError(
      "composition_invalid",
      `${at.slice(0, 40)} is nested more than ${DEEPEST} deep or has more than ${MOST_PARTS} parts: give fewer.`,
    );
  }
}

function node(
  value: unknown,
  at: string,
  nesting: Nesting,
  depth: number,
): Part<"weight" | "rows"> {
  nesting.enter(depth, at);
  if (typeof value === "string") return name(value, at);
  const wrong = (reason: string): never => {
    throw new GraftletError("composition_invalid", `${at} ${reason}.`);
  };
  if (!isPlain(value)) return wrong(`is ${shown(value)}: give an adapter's name or a block`);
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const place = `${at}.${key}`;
    if (field === undefined) continue;
    else if (key === "adapter") copy[key] = node(field, place, nesting, depth + 1);
    else if (["stack", "average", "split", "parallel", "fuse"].includes(key)) {
      const parts: Check<unknown> = (one, at) => node(one, at, nesting, depth + 1);
      copy[key] = array(parts, MOST_PARTS)(field, place);
    } else if (key === "weight" || key === "rows" || key === "rank")
      copy[key] = number(field, place);
    else if (key === "head" || key === "fusion") copy[key] = name(field, place);
    else if (key === "method") copy[key] = string(field, place);
    else wrong(`has “${key}”, which no block has: see docs/composition.md`);
  }
  const blocks = ["adapter", "stack", "average", "split", "parallel", "fuse"].filter(
    (b) => b in copy,
  );
  if (blocks.length !== 1)
    wrong("names no block, or several: give stack, average, split, parallel or fuse");
  return copy as Part<"weight" | "rows">;
}

/** The form of a composition; what may be inside what, the engine says. */
export const composition: Check<Composition> = (value, at) =>
  node(value, at, new Nesting(), 0) as Composition;

export const recipe: Check<Recipe> = (value, at) => node(value, at, new Nesting(), 0) as Recipe;

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
};

export const suggestOptions = object<SuggestOptions>(suggested);

/** The form of a training's options; ranges, the engine says. */
export const trainOptions = object<TrainOptions>({
  ...suggested,
  name,
  // With `from` it is that adapter's.
  kind: (value, at) => (value === undefined ? "" : string(value, at)),
  from: optional(name),
  problemType: optional(
    oneOf(...names, ...Object.values(PROBLEMS).flatMap(({ aliases }) => aliases)),
  ),
  patience: optional(number),
  accumulation: optional(number),
  learningRate: optional(number),
  schedule: optional(oneOf("linear", "cosine")),
  warmup: optional(number),
  weightDecay: optional(number),
  gradientClip: optional(number),
  headDropout: optional(number),
  labelSmoothing: optional(number),
  classWeights: optional(either(isString, oneOf("balanced"), record(number, MOST_PARTS))),
  devShare: optional(number),
  devRows: optional(number),
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
  dtype: optional(oneOf("int8", "q4", "f16", "f32")),
  wasmUrl: optional(wasmUrl),
  wasm: optional(compiled),
  workerUrl: optional(url),
  worker: optional<() => Worker>(callback),
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
