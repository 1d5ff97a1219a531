/**
 * Numbers as people read them.
 */
import { PROBLEMS } from "graftlet";

const integer = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en", {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

export function count(value: number): string {
  return integer.format(value);
}

/** “1 row”, “2 rows”. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Decimal megabytes with one digit: “12.3”. */
export function megabytes(bytes: number): string {
  return oneDigit.format(bytes / 1e6);
}

/** “312 KB”, “1.2 MB”, “10.7 GB”. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${oneDigit.format(bytes / 1e9)} GB`;
  return bytes < 1e6 ? `${count(Math.max(1, bytes / 1e3))} KB` : `${megabytes(bytes)} MB`;
}

/** “22.7 M” for parameters. */
export function millions(value: number): string {
  return value < 1e6 ? count(value) : `${oneDigit.format(value / 1e6)} M`;
}

/** 0.0332 → “3.32 %”, with as many digits as a small share needs. */
export function share(value: number): string {
  const percent = value * 100;
  return `${percent < 1 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

/** A probability: “97 %”, and never a rounded-up certainty. */
export function probability(value: number): string {
  if (value > 0.99 && value < 1) return "> 99 %";
  if (value < 0.01 && value > 0) return "< 1 %";
  return `${Math.round(value * 100)} %`;
}

/** A score as the literature writes it: “.884”. */
export function score(value: number): string {
  return value.toFixed(3).replace(/^(-?)0\./, "$1.");
}

/** A number that a task answers: “3.4”, “12”, “1,204”. */
export function decimal(value: number): string {
  const digits = Math.abs(value) < 100 ? 2 : 0;
  return new Intl.NumberFormat("en", { maximumFractionDigits: digits }).format(value);
}

/** “14 ms”, “0.6 ms”. */
export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : count(value)} ms`;
}

/** “about 40 s”, “about 3 min”. */
export function duration(seconds: number): string {
  if (seconds < 5) return "a few seconds";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} s`;
  return `about ${Math.round(seconds / 60)} min`;
}

/** What scores are called, by their names. */
const TITLES = new Map([
  ["f1", "F1"],
  ...Object.values(PROBLEMS).flatMap(({ measures }) =>
    Object.entries(measures).map(([name, { title }]): [string, string] => [name, title]),
  ),
]);

/** What a score is, as a reader writes it. */
export function metricName(metric: string | undefined): string {
  return TITLES.get(metric ?? "") ?? metric ?? "";
}
