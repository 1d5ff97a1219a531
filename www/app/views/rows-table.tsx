/**
 * The rows as they were understood: columns and labels to correct, the first rows, what is odd about which.
 */
import type { Problem } from "graftlet";
import { count, counted, decimal } from "../format/units.js";
import type { Columns } from "../rows/columns.js";
import type { Finding } from "../rows/findings.js";
import type { Choice, Inspection } from "../rows/inspect.js";
import { learnFrom } from "../state/intake.js";
import {
  choice,
  chooseColumns,
  chooseProblem,
  chooseReject,
  inspection,
  type Opened,
} from "../state/rows.js";
import { Select } from "./select.js";

const MOST_CLASSES = 14;

const PROBLEMS: Record<Problem, string> = {
  single_label: "one of several labels",
  multi_label: "any number of labels, joined by “|”",
  regression: "a number",
  token_classification: "a tag for each word (B-…, I-…, O)",
};

export function RowsTable({ opened }: { opened: Opened }) {
  const chosen = choice.value;
  const found = inspection.value;
  if (!chosen || !found) return null;
  const { source } = opened;
  return (
    <div class="rows">
      <h3>Columns</h3>
      <ColumnRow opened={opened} chosen={chosen} found={found} />
      <Preview pair={chosen.columns.text2 !== null} total={source.rows} />
      {source.encoding === "Windows-1252" && (
        <p class="notice">
          The file is not UTF-8: it was read as Windows-1252. Look whether letters with accents are
          right; if not, save it as UTF-8.
        </p>
      )}
      <Findings findings={found.findings} />
      {found.blocked !== null ? (
        <p class="trouble" role="alert">
          {found.blocked}
        </p>
      ) : (
        <Classes found={found} />
      )}
    </div>
  );
}

function ColumnRow({
  opened,
  chosen,
  found,
}: {
  opened: Opened;
  chosen: Choice;
  found: Inspection;
}) {
  const { source } = opened;
  const { columns, problem, reject } = chosen;
  const choose = (next: Partial<Columns>) => void chooseColumns({ ...columns, ...next });
  const names = source.columns.map((name, index) => ({ value: String(index), title: name }));
  const numberOf = (value: string) => (value === "" ? null : Number(value));
  return (
    <div class="column-row">
      <Select
        id="column-text"
        label="Text"
        options={names}
        value={String(columns.text)}
        onChoose={(value) => choose({ text: Number(value) })}
      />
      <Select
        id="column-text2"
        label="Second text"
        options={[{ value: "", title: "none" }, ...names]}
        value={columns.text2 === null ? "" : String(columns.text2)}
        onChoose={(value) => choose({ text2: numberOf(value) })}
      />
      <Select
        id="column-label"
        label="Label"
        options={[{ value: "", title: "choose…" }, ...names]}
        value={columns.label === null ? "" : String(columns.label)}
        onChoose={(value) => choose({ label: numberOf(value) })}
      />
      <Select
        id="problem"
        label="A label is"
        options={(Object.keys(PROBLEMS) as Problem[]).map((value) => ({
          value,
          title: PROBLEMS[value],
        }))}
        value={problem}
        onChoose={(value) => chooseProblem(value as Problem)}
      />
      {problem === "single_label" && found.classes.length > 2 && (
        <Select
          id="reject"
          label="For texts of no class"
          options={[
            { value: "", title: "no label" },
            ...found.classes.map(({ label }) => ({ value: label, title: label })),
          ]}
          value={reject ?? ""}
          onChoose={(value) => chooseReject(value === "" ? null : value)}
        />
      )}
      {(source.format === "CSV" || source.format === "TSV") && (
        <label class="check">
          <input
            type="checkbox"
            checked={source.header}
            onChange={(event) =>
              void learnFrom(opened.from, opened.title, event.currentTarget.checked)
            }
          />
          First row names the columns
        </label>
      )}
    </div>
  );
}

function Findings({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return null;
  const out = findings.filter(({ severity }) => severity === "left_out");
  const rows = new Set(out.flatMap((finding) => finding.rows)).size;
  return (
    <div class="problems">
      {rows > 0 && (
        <p>
          <strong>{counted(rows, "row")} left out.</strong> The others are trained on.
        </p>
      )}
      <ul aria-label="Problems in the rows">
        {findings.map(({ kind, sentence, rows: numbers }) => (
          <li key={kind}>
            {sentence}
            {numbers.length > 6 && (
              <details class="all-rows">
                <summary>All of them</summary>
                {numbers.join(", ")}
              </details>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Classes({ found: { usable, classes, range, problem } }: { found: Inspection }) {
  if (range) {
    return (
      <p class="classes">
        <strong>{counted(usable, "row")}</strong> with numbers from {decimal(range.least)} to{" "}
        {decimal(range.most)}
      </p>
    );
  }
  const [one, many] = {
    single_label: ["class", "classes"],
    multi_label: ["label", "labels"],
    regression: ["number", "numbers"],
    token_classification: ["kind of place", "kinds of places"],
  }[problem] as [string, string];
  return (
    <p class="classes">
      <strong>
        {counted(usable, "row")} in {counted(classes.length, one, many)}
      </strong>
      {classes.slice(0, MOST_CLASSES).map(({ label, rows }) => (
        <span key={label} class="class">
          {label} <span class="aside">{count(rows)}</span>
        </span>
      ))}
      {classes.length > MOST_CLASSES && (
        <span class="aside">and {classes.length - MOST_CLASSES} more</span>
      )}
    </p>
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
