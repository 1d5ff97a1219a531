/**
 * JSON Lines, and a JSON array of objects: every object is a row, its keys are the columns.
 */
import type { Table } from "./table.js";

export function readJson(text: string): Table {
  const table: Table = {
    format: "JSONL",
    header: true,
    columns: [],
    rows: [],
    numbers: [],
    faults: [],
  };
  const columns = new Map<string, number>();
  const take = (value: unknown, number: number) => {
    if (!value || typeof value !== "object" || Array.isArray(value)) {
      table.faults.push({ number, kind: "not_json" });
      return;
    }
    const cells: string[] = [];
    for (const [key, content] of Object.entries(value)) {
      let column = columns.get(key);
      if (column === undefined) {
        column = columns.size;
        columns.set(key, column);
      }
      cells[column] = cellOf(key, content);
    }
    table.rows.push(cells);
    table.numbers.push(number);
  };
  const whole = /^\s*\[/.test(text) ? parse(text) : undefined;
  if (Array.isArray(whole)) for (const [index, value] of whole.entries()) take(value, index + 1);
  else {
    text.split(/\r\n|\n|\r/).forEach((line, index) => {
      if (line.trim() !== "") take(parse(line), index + 1);
    });
  }
  table.columns = [...columns.keys()];
  for (const row of table.rows) {
    for (let column = 0; column < columns.size; column += 1) row[column] ??= "";
  }
  return table;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Words and their tags are a sentence, other lists are several labels. */
function cellOf(key: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  const plain = Array.isArray(value) && value.every((part) => typeof part !== "object");
  if (!plain) return JSON.stringify(value);
  return value.join(/^(tokens|words)$|tags$/i.test(key) ? " " : "|");
}
