/**
 * Why rows cannot be trained on, in a sentence that says what to do.
 */
import type { ClassCount } from "./classes.js";
import type { Choice } from "./inspect.js";
import type { Table } from "./table.js";

export function blockedBy(
  table: Table,
  { columns, problem, reject }: Choice,
  usable: number,
  classes: readonly ClassCount[],
): string | null {
  if (table.rows.length === 0) return "There are no rows here: add at least two for each class.";
  if (columns.label === null)
    return "No column holds labels: choose the one that says what each text is, or add it to the file.";
  const name = table.columns[columns.label];
  if (!table.rows.some((cells) => (cells[columns.label ?? 0] ?? "").trim() !== ""))
    return `No row has a label in “${name}”: choose another column, or fill it in.`;
  switch (problem) {
    case "single_label":
      return blockedClasses(name, usable, classes, reject);
    case "multi_label":
      if (usable < 2) return "Fewer than two rows are left: check the chosen columns.";
      return classes.length < 1 ? `No row has a label in “${name}”: choose another column.` : null;
    case "regression":
      if (usable < 2)
        return `Fewer than two rows have a number in “${name}”: choose another column, or what its labels are.`;
      return null;
    case "token_classification":
      if (columns.text2 !== null)
        return "Words with tags are single texts: choose “none” as the second text.";
      if (usable < 2)
        return `Fewer than two rows have one tag for each word in “${name}”: choose another column, or what its labels are.`;
      return classes.length < 1
        ? "No word has a tag that begins a span (“B-…”): there is nothing to learn."
        : null;
  }
}

function blockedClasses(
  name: string | undefined,
  usable: number,
  classes: readonly ClassCount[],
  reject: string | null,
): string | null {
  if (usable === 0)
    return "No row has both a text and a label that comes twice: check the chosen columns.";
  const [only, second] = classes.filter(({ label }) => label !== reject);
  if (!only) return `Every row has the label “${reject}”, which stands for none of the classes.`;
  if (!second)
    return `Every row has the label “${only.label}”: telling apart needs rows of at least two classes.`;
  if (classes.length > Math.max(50, usable / 2))
    return `“${name}” has ${classes.length} different values, hardly any of them twice: choose the column that holds the class, or what its labels are.`;
  return null;
}
