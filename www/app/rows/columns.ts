/**
 * Which column is which, guessed from names first and from what the cells look like second.
 */

/** Indices into a table's columns. */
export interface Columns {
  text: number;
  /** The second text of a pair, or null. */
  text2: number | null;
  label: number | null;
}

const TEXT =
  /^(text|sentence|content|message|msg|review|comment|tweet|post|body|utterance|query|question|title|headline|document|description|input|premise|sms)s?$/i;
const FIRST = /^(text|sentence|question|input|premise)[ _-]?[1a]$/i;
const SECOND = /^((text|sentence|question|input)[ _-]?[2b]|hypothesis|response|answer_text)$/i;
const LABEL =
  /^(label|class|category|target|tag|intent|sentiment|topic|emotion|gold|y|answer|type|rating|language|lang)(s|es|_?(name|text|id))?$/i;

/** True when the first row names the columns rather than being an example. */
export function looksLikeHeader(rows: readonly (readonly string[])[]): boolean {
  const [first, ...rest] = rows;
  if (!first) return false;
  const names = first.map((cell) => cell.trim());
  if (names.some((name) => LABEL.test(name) || TEXT.test(name) || FIRST.test(name))) return true;
  if (names.some((name) => name === "" || name.length > 40)) return false;
  // A cell that comes again below it is a value; otherwise short cells over longer ones are names.
  const sample = rest.slice(0, 200);
  if (names.some((name, i) => sample.some((row) => row[i]?.trim() === name))) return false;
  return names.some((name, i) => {
    const lengths = sample.map((row) => row[i]?.length ?? 0);
    return lengths.length > 1 && name.length * 2 < mean(lengths);
  });
}

/** The columns as most owners would choose them. */
export function guessColumns(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): Columns {
  const sample = rows.slice(0, 500);
  const profile = columns.map((_, i) => profileOf(sample.map((row) => row[i] ?? "")));
  const named = (pattern: RegExp) => columns.findIndex((column) => pattern.test(column.trim()));
  const all = columns.map((_, i) => i);

  const second = named(SECOND);
  const text2 = second >= 0 ? second : null;

  let label: number | null = named(LABEL);
  if (label < 0) {
    // Few distinct, short values that come again; the last such column, as labels tend to stand at the end.
    const candidates = all.filter((i) => {
      const p = profile[i];
      return i !== text2 && p && p.filled > 0 && p.distinct <= p.filled / 2 && p.length <= 40;
    });
    label = candidates.at(-1) ?? null;
  }

  let text = named(FIRST);
  if (text < 0) text = columns.findIndex((column, i) => i !== label && TEXT.test(column.trim()));
  if (text < 0) {
    const rest = all.filter((i) => i !== label && i !== text2);
    text = rest.reduce(
      (best, i) => ((profile[i]?.length ?? 0) > (profile[best]?.length ?? -1) ? i : best),
      rest[0] ?? 0,
    );
  }
  if (label === text) label = null;
  return { text, text2: text2 === text ? null : text2, label };
}

function profileOf(cells: readonly string[]) {
  const filled = cells.filter((cell) => cell.trim() !== "");
  return {
    filled: filled.length,
    distinct: new Set(filled).size,
    length: mean(filled.map((cell) => cell.length)),
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}
