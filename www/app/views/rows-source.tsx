/**
 * Where the rows come from: a file, pasted text, or the sample.
 */
import { useRef, useState } from "preact/hooks";
import { ROW_FILES } from "../files/row-files.js";
import { counted } from "../format/units.js";
import { SAMPLE } from "../rows/sample.js";
import { learnFrom, takeIn } from "../state/intake.js";
import { close, opened, unreadable } from "../state/rows.js";
import { dismiss } from "../state/run.js";
import { busy } from "../state/run-state.js";
import { arriveAt, Heading } from "./heading.js";

/** Turns to the rows once they are read; where they could not be, to the reason. */
export function arriveAtRows(): void {
  arriveAt(opened.value ? "rows-title" : "source-title");
}

export function RowsSource() {
  const input = useRef<HTMLInputElement>(null);
  const [pasting, setPasting] = useState(false);
  const [pasted, setPasted] = useState("");

  const shown = opened.value;
  if (shown) {
    const { format, encoding, rows } = shown.source;
    return (
      <div class="source-line">
        <p>
          <strong>{shown.title}</strong>{" "}
          <span class="aside">
            {counted(rows, "row")}, {format}
            {encoding !== "UTF-8" && `, ${encoding}`}
          </span>
        </p>
        {!busy.value && (
          <button
            type="button"
            class="link"
            onClick={() => {
              close();
              dismiss();
              setPasting(false);
              arriveAt("source-title");
            }}
          >
            Other rows
          </button>
        )}
      </div>
    );
  }
  return (
    <div class="source">
      <div class="drop-zone">
        <Heading id="source-title" class="drop-zone-words">
          Drop a CSV, TSV, JSONL or CoNLL file here
        </Heading>
        <div class="actions">
          <button type="button" class="solid" onClick={() => input.current?.click()}>
            Choose a file
          </button>
          <button
            type="button"
            class="quiet"
            aria-expanded={pasting}
            aria-controls="paste-form"
            onClick={() => setPasting(!pasting)}
          >
            Paste rows
          </button>
          <button
            type="button"
            class="link"
            onClick={() => void learnFrom(SAMPLE, "shop messages").then(arriveAtRows)}
          >
            Try it with a sample
          </button>
        </div>
        <input
          ref={input}
          type="file"
          class="visually-hidden"
          tabIndex={-1}
          aria-label="File with rows"
          accept={ROW_FILES}
          onChange={(event) => {
            const field = event.currentTarget;
            const files = [...(field.files ?? [])].map((file) => ({ path: file.name, file }));
            field.value = "";
            if (files.length > 0) void takeIn(files, "teach").then(arriveAtRows);
          }}
        />
      </div>
      {pasting && (
        <div class="paste" id="paste-form">
          <label for="paste">Rows, with a header or without</label>
          <textarea
            id="paste"
            rows={7}
            spellcheck={false}
            value={pasted}
            placeholder={
              "text,label\nWhere is my parcel?,delivery\nPlease send the money back.,refund"
            }
            onInput={(event) => setPasted(event.currentTarget.value)}
          />
          <button
            type="button"
            class="solid"
            disabled={pasted.trim() === ""}
            onClick={() => void learnFrom(pasted, "pasted rows").then(arriveAtRows)}
          >
            Use these rows
          </button>
        </div>
      )}
      {unreadable.value !== null && (
        <p class="trouble" role="alert">
          {unreadable.value}
        </p>
      )}
    </div>
  );
}
