/**
 * The rows as they were understood: columns to correct, the first rows, what is wrong with which.
 */
import { count, counted } from "../format/units.js";
import type { Columns } from "../rows/columns.js";
import { columns, inspection, type Opened, open } from "../state/lesson.js";

const MOST_CLASSES = 14;

export function RowsTable({ opened }: { opened: Opened }) {
  const chosen = columns.value;
  const found = inspection.value;
  if (!chosen || !found) return null;
  const { source } = opened;
  return (
    <div class="rows">
      <h3>Columns</h3>
      <div class="column-row">
        <ColumnSelect
          id="column-text"
          label="Text"
          names={source.columns}
          value={chosen.text}
          onChoose={(text) => choose({ ...chosen, text: text ?? 0 })}
        />
        <ColumnSelect
          id="column-text2"
          label="Second text"
          none="none"
          names={source.columns}
          value={chosen.text2}
          onChoose={(text2) => choose({ ...chosen, text2 })}
        />
        <ColumnSelect
          id="column-label"
          label="Label"
          none="choose…"
          names={source.columns}
          value={chosen.label}
          onChoose={(label) => choose({ ...chosen, label })}
        />
        {source.format !== "JSONL" && (
          <label class="check">
            <input
              type="checkbox"
              checked={source.header}
              onChange={(event) =>
                void open(opened.from, opened.title, event.currentTarget.checked)
              }
            />
            First row names the columns
          </label>
        )}
      </div>
      <Preview pair={chosen.text2 !== null} total={source.rows} />
      {found.problems.length > 0 && (
        <ul class="problems" aria-label="Problems in the rows">
          {found.problems.map((problem) => (
            <li key={problem.kind}>{problem.sentence}</li>
          ))}
        </ul>
      )}
      {found.blocked !== null ? (
        <p class="trouble" role="alert">
          {found.blocked}
        </p>
      ) : (
        <p class="classes">
          <strong>
            {counted(found.usable, "row")} in {counted(found.classes.length, "class", "classes")}
          </strong>
          {found.classes.slice(0, MOST_CLASSES).map(({ label, rows }) => (
            <span key={label} class="class">
              {label} <span class="aside">{count(rows)}</span>
            </span>
          ))}
          {found.classes.length > MOST_CLASSES && (
            <span class="aside">and {found.classes.length - MOST_CLASSES} more</span>
          )}
        </p>
      )}
    </div>
  );
}

function choose(next: Columns): void {
  columns.value = next;
}

interface ColumnSelectProps {
  id: string;
  label: string;
  names: string[];
  value: number | null;
  /** What the empty choice is called; without it there is none. */
  none?: string;
  onChoose(column: number | null): void;
}

function ColumnSelect({ id, label, names, value, none, onChoose }: ColumnSelectProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="select">
        <select
          id={id}
          value={value ?? ""}
          onChange={(event) => {
            const choice = event.currentTarget.value;
            onChoose(choice === "" ? null : Number(choice));
          }}
        >
          {none !== undefined && <option value="">{none}</option>}
          {names.map((name, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: columns may share a name, and do not move
            <option key={index} value={index}>
              {name}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}

function Preview({ pair, total }: { pair: boolean; total: number }) {
  const rows = inspection.value?.preview ?? [];
  const noted = rows.some(({ note }) => note !== undefined);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="preview" tabIndex={0} aria-label="Preview of the rows">
      <table>
        <caption class="visually-hidden">
          {rows.length} of {total} rows
        </caption>
        <thead>
          <tr>
            <th scope="col">Row</th>
            <th scope="col">Text</th>
            {pair && <th scope="col">Second text</th>}
            <th scope="col">Label</th>
            {noted && <th scope="col">Problem</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.number} class={row.note === undefined ? "" : "flagged"}>
              <td class="number">{row.number}</td>
              <td>{row.text}</td>
              {pair && <td>{row.text2}</td>}
              <td class="label">{row.label}</td>
              {noted && <td class="note">{row.note}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
