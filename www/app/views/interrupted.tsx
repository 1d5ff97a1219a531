/**
 * Runs that a closed tab cut short, each to go on with or to throw away.
 */
import type { InterruptedRun } from "graftlet";
import { counted } from "../format/units.js";
import { discard, goOn } from "../state/run.js";
import { busy, interrupted } from "../state/run-state.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function Interrupted() {
  if (busy.value || interrupted.value.length === 0) return null;
  return (
    <ul class="interrupted" aria-label="Interrupted training">
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
