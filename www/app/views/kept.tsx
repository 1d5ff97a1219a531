/**
 * What this browser keeps: the visitor's own tasks with their sizes, the room there is, and what is not kept.
 */
import type { KeptFolder } from "graftlet";
import { counted, size } from "../format/units.js";
import { exportZip } from "../state/intake.js";
import { askToPersist, kept, persistence } from "../state/kept.js";
import { keepAgain, notKept, otherModel } from "../state/tasks.js";

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

const PERSISTENCE = {
  unasked: "If the disk runs full the browser may clear them. It can be asked not to.",
  asking: "The browser may ask you whether this page can keep data: allow it there.",
  granted: "The browser keeps them until you delete them.",
  refused:
    "The browser did not agree: if the disk runs full it may clear them. Download what you cannot do without.",
};

export function Kept() {
  const report = kept.value;
  if (!report) return null;
  const { adapters, denied, backboneKept } = report;
  if (backboneKept && adapters.length === 0) return null;
  return (
    <section class="panel kept" aria-labelledby="kept-title">
      <h2 id="kept-title">Kept in this browser</h2>
      {denied && <p class="notice">{denied.message}</p>}
      {!backboneKept && (
        <p class="notice" data-testid="backbone-not-kept">
          The model is not kept here{denied ? "" : roomFor(report.quota)}: it is downloaded again at
          every visit. Everything else works.
        </p>
      )}
      {adapters.length > 0 && (
        <>
          <p>
            {counted(adapters.length, "task")} of yours, the one unused the longest first
            {report.usage !== null && report.quota !== null && (
              <span class="aside" data-testid="usage">
                ; this page uses {size(report.usage)} of {size(report.quota)}
              </span>
            )}
          </p>
          <ul aria-label="Tasks kept in this browser">
            {adapters.map((folder) => (
              <li key={folder.name}>
                “{folder.name}”<span class="aside"> {detailsOf(folder)}</span>
                {otherModel(folder.name) !== null && (
                  <span class="aside">, for {otherModel(folder.name)}</span>
                )}
              </li>
            ))}
          </ul>
          {report.persistent || persistence.value === "granted" ? (
            <p class="hint">{PERSISTENCE.granted}</p>
          ) : (
            <div class="actions">
              <p class="hint">{PERSISTENCE[persistence.value]}</p>
              <button type="button" class="quiet" onClick={() => void askToPersist()}>
                Ask it to keep them
              </button>
            </div>
          )}
        </>
      )}
    </section>
  );
}

/** Tasks that end with the tab, unless they are downloaded. */
export function NotKept() {
  return (
    <>
      {[...notKept.value].map(([name, reason]) => (
        <div key={name} class="notice not-kept">
          <p>
            “{name}” answers until this tab is closed, but it is not kept. {reason}
          </p>
          <div class="actions">
            <button type="button" class="solid" onClick={() => void exportZip(name)}>
              Download “{name}”
            </button>
            <button type="button" class="quiet" onClick={() => void keepAgain(name)}>
              Try again to keep it
            </button>
          </div>
        </div>
      ))}
    </>
  );
}

function roomFor(quota: number | null): string {
  return quota === null ? "" : ` (the browser gives this page ${size(quota)})`;
}

function detailsOf({ bytes, usedAt }: KeptFolder): string {
  return usedAt > 0 ? `${size(bytes)}, last used on ${DAY.format(usedAt)}` : size(bytes);
}
