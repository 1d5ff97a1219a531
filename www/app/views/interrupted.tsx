/**
 * Runs that a closed tab cut short, each to go on with or to throw away. They stand at the top of the page, where whoever
 * lost one looks first.
 */
import { effect } from "@preact/signals";
import type { InterruptedRun } from "graftlet";
import { counted } from "../format/units.js";
import { engine } from "../state/engine.js";
import { discard, goOn } from "../state/run.js";
import { busy, interrupted } from "../state/run-state.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** That a run is unfinished, for the next visit: room is kept for it before the engine can tell. */
const UNFINISHED = "graftlet.unfinished";
const expected = read();
/** Milliseconds after which the engine has told of every run there is. */
const TOLD_MS = 10_000;

// After a reload during a training the browser would go back to where that was, past the offer to go on with it. It asks
// the page that goes as well as the page that comes.
effect(() => {
  history.scrollRestoration = busy.value || expected ? "manual" : "auto";
});

effect(() => {
  if (busy.value || interrupted.value.length > 0) write(true);
  else if (engine.value.status === "ready") {
    setTimeout(() => write(busy.peek() || interrupted.peek().length > 0), TOLD_MS);
  }
});

export function Interrupted() {
  if (busy.value) return null;
  if (interrupted.value.length === 0) {
    // Only while the engine starts; whether a run is left is known soon after.
    return expected && engine.value.status === "loading" ? (
      <div class="panel interrupted-room">
        <p>A training may have been interrupted: it is looked for…</p>
      </div>
    ) : null;
  }
  return (
    <ul class="panel interrupted" aria-label="Interrupted training">
      {interrupted.value.map((entry) => (
        <li key={entry.name}>
          {entry.broken ? (
            <p>{entry.broken.message}</p>
          ) : (
            <p>
              Training of “{entry.name}” was interrupted{how(entry)}.
            </p>
          )}
          <div class="actions">
            {!entry.broken && (
              <button type="button" class="solid" onClick={() => void goOn(entry)}>
                Go on
              </button>
            )}
            <button type="button" class="quiet" onClick={() => void discard(entry)}>
              {entry.broken ? "Forget it" : "Discard"}
            </button>
          </div>
        </li>
      ))}
    </ul>
  );
}

function how({ epoch, epochs, rows, savedAt }: InterruptedRun): string {
  const far = epochs === null ? "" : ` after epoch ${epoch} of ${epochs}`;
  const when = savedAt === null ? "" : `, on ${WHEN.format(savedAt)}`;
  return `${far} (${counted(rows, "row")}${when})`;
}

function read(): boolean {
  try {
    return localStorage.getItem(UNFINISHED) !== null;
  } catch {
    return false;
  }
}

function write(unfinished: boolean): void {
  try {
    if (unfinished) localStorage.setItem(UNFINISHED, "yes");
    else localStorage.removeItem(UNFINISHED);
  } catch {
    // A browser that keeps nothing has no run to go on with.
  }
}
