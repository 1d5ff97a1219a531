/**
 * The rows as they were understood: columns and labels to correct, the first rows, what is odd about which.
 */
import { PROBLEMS, type Problem } from "graftlet";
import { useState } from "preact/hooks";
import { count, counted, decimal } from "../format/units.js";
import type { Choice, Columns, Inspection } from "../rows/types.js";
import { learnFrom } from "../state/intake.js";
import {
  choice,
  chooseColumns,
  chooseMerge,
  chooseProblem,
  chooseReject,
  inspection,
  type Opened,
} from "../state/rows.js";
import { Heading } from "./heading.js";
import { Layout, Notes } from "./rows-layout.js";
import { Select } from "./select.js";

const MOST_CLASSES = 14;
/** Longest list of classes (for texts of no class) or of label columns that is offered: longer ones cannot be searched by eye. */
const MOST_OFFERED = 300;
/** Row numbers that are listed: all of a large file would take a moment to lay out. */
const MOST_NUMBERS = 1000;
/** The finding that can be mended by merging. */
const LABELS_ALIKE = "labels_alike";
/** In the label's list: several columns, one a label. */
const SEVERAL = "several";

export function RowsTable({ opened }: { opened: Opened }) {
  const chosen = choice.value;
  const found = inspection.value;
  if (!chosen || !found) return null;
  const { source } = opened;
  return (
    <div class="rows">
      <Heading id="rows-title">Columns</Heading>
      <ColumnRow opened={opened} chosen={chosen} found={found} />
      {chosen.columns.labelColumns && (
        <LabelColumns names={source.columns} columns={chosen.columns} />
      )}
      <Preview pair={chosen.columns.text2 !== null} total={source.rows} />
      <Notes source={source} />
      <Findings found={found} merged={chosen.merge} />
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
  const several = columns.labelColumns !== undefined;
  const chooseLabel = (value: string) =>
    value === SEVERAL
      ? choose({ label: null, labelColumns: source.guess.labelColumns ?? [] })
      : choose({ label: numberOf(value), labelColumns: undefined });
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
        options={[
          { value: "", title: "choose…" },
          ...names,
          ...(names.length > 2 && names.length <= MOST_OFFERED
            ? [{ value: SEVERAL, title: "several columns" }]
            : []),
        ]}
        value={several ? SEVERAL : columns.label === null ? "" : String(columns.label)}
        onChoose={chooseLabel}
      />
      <Select
        id="problem"
        label="A label is"
        options={(Object.keys(PROBLEMS) as Problem[]).map((value) => ({
          value,
          title: PROBLEMS[value].label,
        }))}
        value={problem}
        onChoose={(value) => chooseProblem(value as Problem)}
      />
      {PROBLEMS[problem].rejects && classesOf(found) > 2 && classesOf(found) <= MOST_OFFERED && (
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
      <Layout
        id="rows"
        source={source}
        told={opened.told}
        onTell={(told) => void learnFrom(opened.from, opened.title, told)}
      />
    </div>
  );
}

/** Which columns are labels, where every label has one. */
function LabelColumns({ names, columns }: { names: readonly string[]; columns: Columns }) {
  const chosen = columns.labelColumns ?? [];
  return (
    <fieldset class="label-columns">
      <legend>Columns that are labels, with 1 where a text has the label and 0 where not</legend>
      {names.map((name, index) => {
        if (index === columns.text || index === columns.text2) return null;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name, and their order stays
          <label key={index} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(index)}
              onChange={(event) => {
                const others = chosen.filter((other) => other !== index);
                const now = event.currentTarget.checked ? [...others, index] : others;
                void chooseColumns({ ...columns, labelColumns: now.sort((a, b) => a - b) });
              }}
            />
            {name}
          </label>
        );
      })}
    </fieldset>
  );
}

function Findings({ found, merged }: { found: Inspection; merged: boolean }) {
  const { findings } = found;
  if (findings.length === 0) return null;
  const lastAlike = findings.findLastIndex(({ kind }) => kind === LABELS_ALIKE);
  const out = findings.filter(({ severity }) => severity === "left_out");
  const rows = new Set(out.flatMap((finding) => finding.rows)).size;
  return (
    <div class="problems">
      {rows > 0 && (
        <p>
          <strong>{counted(rows, "row")} left out.</strong>
          {found.usable > 0 && found.blocked === null && " The others are trained on."}
        </p>
      )}
      <ul aria-label="Problems in the rows">
        {findings.map((finding, index) => (
          // Of one kind there may be several, each in words of its own.
          <li key={finding.sentence}>
            {finding.sentence}
            {index === lastAlike && (
              <>
                {" "}
                <button type="button" class="link" onClick={() => chooseMerge(!merged)}>
                  {merged ? "Keep them apart" : "Merge"}
                </button>
              </>
            )}
            {finding.rows.length > 6 && <AllRows numbers={finding.rows} />}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The numbers are put into the page when they are asked for. */
function AllRows({ numbers }: { numbers: readonly number[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="all-rows" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>All of them</summary>
      {open && numbers.slice(0, MOST_NUMBERS).join(", ")}
      {open && numbers.length > MOST_NUMBERS && ` and ${count(numbers.length - MOST_NUMBERS)} more`}
    </details>
  );
}

/** How many classes there are; the inspection lists the first. */
function classesOf({ classes, classCount }: Inspection): number {
  return classCount ?? classes.length;
}

function Classes({ found }: { found: Inspection }) {
  const { usable, classes, range, problem } = found;
  if (range) {
    return (
      <p class="classes">
        <strong>{counted(usable, "row")}</strong> with numbers from {decimal(range.least)} to{" "}
        {decimal(range.most)}
      </p>
    );
  }
  const [one, many] = PROBLEMS[problem].nouns;
  return (
    <p class="classes">
      <strong>
        {PROBLEMS[problem].oneOutput
          ? counted(usable, one, many)
          : `${counted(usable, "row")} in ${counted(classesOf(found), one, many)}`}
      </strong>
      {classes.slice(0, MOST_CLASSES).map(({ label, rows }) => (
        <span key={label} class="class">
          {label} <span class="aside">{count(rows)}</span>
        </span>
      ))}
      {classesOf(found) > MOST_CLASSES && (
        <span class="aside">and {count(classesOf(found) - MOST_CLASSES)} more</span>
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
