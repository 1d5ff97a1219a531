/**
 * The card of the chosen adapter: what it is, what it weighs, how good it is, where it comes from.
 */
import { type AdapterFormat, PROBLEMS, type Problem } from "graftlet";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { count, counted, metricName, score, share, size } from "../format/units.js";
import { engine } from "../state/engine.js";
import { exportZip } from "../state/intake.js";
import { adapter, deleteOwn, notKept, type Task, task, trouble } from "../state/tasks.js";

const MOST_LABELS = 12;

export function Card() {
  const chosen = task.value;
  if (!chosen) return <aside class="card" aria-label="Adapter" />;
  const info = adapter.value;
  const listed = chosen.origin === "shipped" ? chosen.shipped : undefined;
  const labels = kindsOf(info?.labels ?? listed?.labels ?? [], info?.problem);
  const parameters = info?.parameters ?? listed?.parameters;
  const part = info?.share ?? listed?.share;
  const bytes = info?.bytes ?? listed?.bytes;
  return (
    <aside class="card" aria-label="Adapter">
      <h3>{chosen.title}</h3>
      <p class="card-task">{describe(chosen)}</p>
      <dl>
        <Fact name="Kind">{kindOf(info?.title, listed?.kind)}</Fact>
        {bytes !== undefined && <Fact name="Size">{size(bytes)}</Fact>}
        {parameters !== undefined && (
          <Fact name="Trained">
            {count(parameters)} parameters
            {part !== undefined && <span class="aside"> {share(part)} of the backbone’s</span>}
          </Fact>
        )}
        <Score task={chosen} />
        {labels.length > 0 && (
          <Fact name={counted(labels.length, "label")}>
            {labels.slice(0, MOST_LABELS).join(", ")}
            {labels.length > MOST_LABELS && ` and ${labels.length - MOST_LABELS} more`}
          </Fact>
        )}
        {listed && <Fact name="Data">{listed.source}</Fact>}
        {listed && <Fact name="Licence">{listed.licence}</Fact>}
      </dl>
      {info && <Actions key={chosen.name} chosen={chosen} format={info.format} />}
      {/* What is damaged cannot be loaded, and can be deleted. */}
      {!info && chosen.origin === "own" && trouble.value !== null && (
        <Actions key={chosen.name} chosen={chosen} format={null} />
      )}
    </aside>
  );
}

/** The labels as a reader knows them: tags of words begin and go on, their kinds do neither. */
function kindsOf(labels: readonly string[], problem: Problem | undefined): readonly string[] {
  if (!problem) return labels;
  const { oneOutput, reads } = PROBLEMS[problem];
  if (reads !== "tokens") return oneOutput ? [] : labels;
  return [...new Set(labels.filter((tag) => tag !== "O").map((tag) => tag.replace(/^[BI]-/, "")))];
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function describe(chosen: Task): string {
  if (chosen.origin === "shipped") return chosen.shipped.task;
  if (notKept.value.has(chosen.name)) return "Yours until this tab is closed; not kept";
  return chosen.note.origin === "trained"
    ? "Taught by you, in this browser"
    : "Added by you, kept in this browser";
}

function kindOf(title: string | undefined, name: string | undefined): string {
  const state = engine.value;
  const known =
    state.status === "ready" ? state.kinds.find((kind) => kind.name === name)?.title : undefined;
  return title ?? known ?? name ?? "not loaded yet";
}

function Score({ task: chosen }: { task: Task }) {
  if (chosen.origin === "shipped") {
    return (
      <Fact name="Test score">
        {score(chosen.shipped.score)} <span class="aside">{metricName(chosen.shipped.metric)}</span>
      </Fact>
    );
  }
  const { metric, score: reached, heldOutRows } = chosen.note;
  if (reached === undefined) {
    // An adapter from elsewhere may bring its own score along.
    const brought = adapter.value;
    if (brought?.score === undefined) return null;
    return (
      <Fact name="Score">
        {score(brought.score)} <span class="aside">{metricName(brought.metric)}</span>
      </Fact>
    );
  }
  return (
    <Fact name="Held out">
      {score(reached)}{" "}
      <span class="aside">
        {metricName(metric)}
        {heldOutRows !== undefined && ` on ${counted(heldOutRows, "row")}`}
      </span>
    </Fact>
  );
}

function Actions({ chosen, format }: { chosen: Task; format: AdapterFormat | null }) {
  const [sure, setSure] = useState(false);
  return (
    <div class="actions">
      {format !== null && (
        <button type="button" class="quiet" onClick={() => void exportZip(chosen.name)}>
          Download for {format === "peft" ? "PEFT" : "AdapterHub"}
        </button>
      )}
      {chosen.origin === "own" && !sure && (
        <button type="button" class="quiet danger" onClick={() => setSure(true)}>
          Delete
        </button>
      )}
      {chosen.origin === "own" && sure && (
        <>
          <button type="button" class="danger solid" onClick={() => void deleteOwn(chosen.name)}>
            Delete for good
          </button>
          <button type="button" class="quiet" onClick={() => setSure(false)}>
            Keep it
          </button>
        </>
      )}
    </div>
  );
}
