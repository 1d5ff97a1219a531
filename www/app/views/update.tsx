/**
 * Announces a new version of the page, and switches to it when the visitor asks for it.
 */
import { takeUpdate, update } from "../offline/register.js";
import { busy } from "../state/run-state.js";

export function Update() {
  const state = update.value;
  return (
    <div class="update" role="status">
      {state !== "none" && (
        <p class="update-line">
          <span>
            {state === "ready"
              ? "A new version of this page is ready."
              : "Another tab took a new version of this page."}{" "}
            {busy.value && "Reload once the training has ended."}
          </span>
          {!busy.value && (
            <button type="button" class="quiet" onClick={takeUpdate}>
              Reload
            </button>
          )}
        </p>
      )}
    </div>
  );
}
