/**
 * Labels that may be wrong, each with a way to put it right or leave its row out; then training goes again.
 */
import { useState } from "preact/hooks";
import { counted, probability } from "../../format/units.js";
import type { Report, Suspect } from "../../report/report.js";
import { relabel } from "../../state/media/examples.js";
import { correct, opened } from "../../state/rows.js";
import { start } from "../../state/run.js";
import { busy } from "../../state/run-state.js";
import { sort } from "../../state/sort.js";
import { RowText } from "./row-text.js";
import { useFirst } from "./use-first.js";

const MOST = 5;

/** What becomes of rows, by number: another label, or null to leave one out. */
type Verdicts = ReadonlyMap<number, string | null>;

interface Props {
  report: Report;
  /** What the run's rows were read from: corrections are for these rows and no others. */
  source: Blob | string | null;
}

export function Suspects({ report, source }: Props) {
  const [verdicts, setVerdicts] = useState<Verdicts>(new Map());
  const { shown, more } = useFirst(report.suspects, MOST, "rows");
  const isTable = sort.value === "texts";
  const open = source !== null && (!isTable || opened.value?.from === source);
  const decide = (number: number, verdict: string | null | undefined) => {
    const next = new Map(verdicts);
    if (verdict === undefined) next.delete(number);
    else next.set(number, verdict);
    setVerdicts(next);
  };
  return (
    <>
      <p class="hint">
        The trained adapter is sure of another label for these rows. Some will be hard examples,
        some slips{isTable && " in the file"}.
      </p>
      <ul class="row-list">
        {shown.map((suspect) => (
          <li key={suspect.number}>
            <RowText row={suspect} />
            <p class="row-words">
              Is <strong>{suspect.label}</strong>
              {isTable && " in the file"} (score {probability(suspect.score)}), was answered{" "}
              <strong>{suspect.rival}</strong> ({probability(suspect.rivalScore)})
              {!suspect.heldOut && " although it was learned from"}
            </p>
            {open && (
              <Verdict
                suspect={suspect}
                labels={report.labels}
                verdict={verdicts.get(suspect.number)}
                onDecide={(verdict) => decide(suspect.number, verdict)}
              />
            )}
          </li>
        ))}
      </ul>
      {more}
      {open ? (
        <button
          type="button"
          class="solid start"
          disabled={verdicts.size === 0 || busy.value}
          onClick={() => {
            if (isTable) correct(Object.fromEntries(verdicts));
            else relabel(verdicts);
            void start(report.options.kind);
          }}
        >
          {verdicts.size === 0
            ? "Train again"
            : `Train again with ${counted(verdicts.size, "change")}`}
        </button>
      ) : (
        <p class="hint">Open the file again to put labels right here.</p>
      )}
    </>
  );
}

interface VerdictProps {
  suspect: Suspect;
  labels: readonly string[];
  verdict: string | null | undefined;
  onDecide(verdict: string | null | undefined): void;
}

/** Values of the choice: labels stand behind a mark, so that none can be taken for the others. */
const KEEP = "keep";
const OUT = "out";
const LABEL = "label:";

function Verdict({ suspect, labels, verdict, onDecide }: VerdictProps) {
  const { number, label, rival } = suspect;
  const value = verdict === undefined ? KEEP : verdict === null ? OUT : LABEL + verdict;
  const others = labels.filter((other) => other !== label && other !== rival);
  return (
    <span class="select verdict-select">
      <select
        aria-label={`Row ${number}`}
        value={value}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          if (chosen === KEEP) onDecide(undefined);
          else onDecide(chosen === OUT ? null : chosen.slice(LABEL.length));
        }}
      >
        <option value={KEEP}>Keep “{label}”</option>
        <option value={LABEL + rival}>Change to “{rival}”</option>
        <option value={OUT}>Leave the row out</option>
        {others.length > 0 && (
          <optgroup label="Change to another">
            {others.map((other) => (
              <option key={other} value={LABEL + other}>
                {other}
              </option>
            ))}
          </optgroup>
        )}
      </select>
    </span>
  );
}
