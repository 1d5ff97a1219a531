/**
 * A whole file of texts: the chosen task answers each, and the answers come back beside their rows.
 */
import { useRef } from "preact/hooks";
import { download } from "../files/download.js";
import { ROW_FILES } from "../files/row-files.js";
import { count, counted, probability } from "../format/units.js";
import { pair } from "../state/answer.js";
import {
  answerMany,
  cancelMany,
  closeMany,
  type ManyFile,
  type ManyRun,
  many,
  manyBusy,
  manyColumns,
  manyFile,
  openMany,
} from "../state/many.js";
import { adapter, task } from "../state/tasks.js";
import { Heading } from "./heading.js";
import { Layout, Notes } from "./rows-layout.js";
import { Select } from "./select.js";

const MOST_ANSWERS = 8;

export function Many() {
  const input = useRef<HTMLInputElement>(null);
  const file = manyFile.value;
  const title = task.value?.title;
  return (
    <section class="panel many" aria-labelledby="many-title">
      <div class="many-head">
        <div class="teach-head">
          <Heading id="many-title" level="h2">
            Ask about a whole file
          </Heading>
          <p class="lede">
            Every text of a table gets the answer of {title ? `“${title}”` : "the chosen task"}; the
            answers come back beside them.
          </p>
        </div>
        {!file && (
          <button type="button" class="quiet" onClick={() => input.current?.click()}>
            Choose a file of texts
          </button>
        )}
      </div>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="File with texts"
        accept={ROW_FILES}
        onChange={(event) => {
          const field = event.currentTarget;
          const [chosen] = field.files ?? [];
          if (chosen) void openMany(chosen, chosen.name);
          field.value = "";
        }}
      />
      {file && <File file={file} />}
      <Outcome run={many.value} file={file} />
    </section>
  );
}

function File({ file: { title, source, from, told } }: { file: ManyFile }) {
  const columns = manyColumns.value;
  if (!columns) return null;
  const names = source.columns.map((name, index) => ({ value: String(index), title: name }));
  const running = manyBusy.value;
  return (
    <>
      <div class="source-line">
        <p>
          <strong>{title}</strong>{" "}
          <span class="aside">
            {counted(source.rows, "row")}, {source.format}
            {source.encoding !== "UTF-8" && `, ${source.encoding}`}
          </span>
        </p>
        {!running && (
          <button type="button" class="link" onClick={closeMany}>
            Another file
          </button>
        )}
      </div>
      {!running && (
        <>
          <div class="column-row">
            <Select
              id="many-text"
              label={pair.value ? "First text" : "Texts"}
              options={names}
              value={String(columns.text)}
              onChoose={(value) => {
                manyColumns.value = { ...columns, text: Number(value) };
              }}
            />
            {pair.value && (
              <Select
                id="many-text2"
                label="Second texts"
                options={[{ value: "", title: "choose…" }, ...names]}
                value={columns.text2 === null ? "" : String(columns.text2)}
                onChoose={(value) => {
                  manyColumns.value = { ...columns, text2: value === "" ? null : Number(value) };
                }}
              />
            )}
            <Layout
              id="many"
              source={source}
              told={told}
              onTell={(next) => void openMany(from, title, next)}
            />
          </div>
          <Notes source={source} />
          <button
            type="button"
            class="solid start"
            disabled={!adapter.value || (pair.value && columns.text2 === null)}
            onClick={() => void answerMany(pair.value)}
          >
            Answer {counted(source.rows, "row")}
          </button>
        </>
      )}
    </>
  );
}

function Outcome({ run, file }: { run: ManyRun; file: ManyFile | null }) {
  switch (run.status) {
    case "idle":
      return null;
    case "running":
      return (
        <div class="many-run">
          <div class="run-line">
            <p>
              {run.total === 0
                ? "Starting…"
                : `${count(run.done)} of ${counted(run.total, "text")}`}
            </p>
            <button type="button" class="quiet" onClick={cancelMany}>
              Cancel
            </button>
          </div>
          <progress max={run.total || 1} value={run.done} aria-label="Texts answered" />
        </div>
      );
    case "cancelled":
      return <p role="status">Answering was cancelled.</p>;
    case "failed":
      return (
        <p class="trouble" role="alert">
          {run.sentence}
        </p>
      );
    case "done":
      return (
        <Result run={run} title={file?.title ?? "texts"} tabs={file?.source.delimiter === "\t"} />
      );
  }
}

interface ResultProps {
  run: Extract<ManyRun, { status: "done" }>;
  title: string;
  /** Whether cells are separated by tabs. */
  tabs: boolean;
}

function Result({ run, title, tabs }: ResultProps) {
  const { texts, skipped, seconds, answers, csv } = run;
  return (
    <div class="run-done" role="status">
      <p>
        {counted(texts, "text")} answered in {Math.max(1, Math.round(seconds))} s
        {skipped > 0 && `; ${counted(skipped, "row")} could not be read or had no text`}.
      </p>
      {answers.length > 0 && (
        <p class="classes">
          {answers.slice(0, MOST_ANSWERS).map(({ label, rows }) => (
            <span key={label} class="class">
              {label}{" "}
              <span class="aside">
                {count(rows)}, {probability(rows / texts)}
              </span>
            </span>
          ))}
          {answers.length > MOST_ANSWERS && (
            <span class="aside">and {answers.length - MOST_ANSWERS} more</span>
          )}
        </p>
      )}
      <div class="actions">
        <button
          type="button"
          class="solid"
          onClick={() =>
            download(`${title.replace(/\.[a-z0-9]+$/i, "")} answered.${tabs ? "tsv" : "csv"}`, csv)
          }
        >
          Download the answers
        </button>
      </div>
    </div>
  );
}
