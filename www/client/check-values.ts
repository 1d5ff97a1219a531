/**
 * Checks of single values: strings, numbers, arrays, objects. Each gives a copy of the value, or throws what is wrong with
 * it.
 */
import { GraftletError } from "./errors.js";

/** Gives a copy of the value, or throws what is wrong with it; `at` says where it stands. */
export type Check<T> = (value: unknown, at: string) => T;

/** A check for every field of `T`. */
export type Fields<T> = { [K in keyof T]-?: Check<T[K]> };

/** Most elements of an array: texts of a call, or rows of a run. */
export const MOST_ITEMS = 5_000_000;

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

export function refuse(value: unknown, at: string, wanted: string): never {
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

export const string: Check<string> = (value, at) =>
  typeof value === "string" ? value : refuse(value, at, "a string");

export const boolean: Check<boolean> = (value, at) =>
  typeof value === "boolean" ? value : refuse(value, at, "true or false");

/** A finite number: JSON has no other, and so the engine would take the default in its place. */
export const number: Check<number> = (value, at) =>
  typeof value === "number" && Number.isFinite(value)
    ? value
    : refuse(value, at, "a finite number");

export const callback: Check<never> = (value, at) =>
  typeof value === "function" ? (value as never) : refuse(value, at, "a function");

/** The getter of a real signal, also of another frame's, throws for anything else. */
const abortedOf = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get;

export const signal: Check<AbortSignal> = (value, at) => {
  try {
    abortedOf?.call(value);
  } catch {
    refuse(value, at, "an AbortSignal");
  }
  return value as AbortSignal;
};

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined ? undefined : check(value, at));
}

export function oneOf<const T extends string>(...choices: readonly T[]): Check<T> {
  return (value, at) =>
    choices.find((choice) => choice === value) ?? refuse(value, at, list(choices, "or"));
}

export function either<A, B>(
  isFirst: (value: unknown) => boolean,
  a: Check<A>,
  b: Check<B>,
): Check<A | B> {
  return (value, at) => (isFirst(value) ? a(value, at) : b(value, at));
}

export const isString = (value: unknown) => typeof value === "string";
export const isArray = (value: unknown) => Array.isArray(value);
export const isPlainObject = (value: unknown) => isPlain(value) && !(value instanceof URL);

function list(words: readonly string[], last: string): string {
  return words.length < 2
    ? words.join()
    : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/** An array without holes. */
export function array<T>(check: Check<T>, most = MOST_ITEMS): Check<T[]> {
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

export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object with these fields and no others; what is left out stays out. */
export function object<T extends object>(fields: Fields<T>): Check<T> {
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

export function record<T>(check: Check<T>, most: number): Check<Record<string, T>> {
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
