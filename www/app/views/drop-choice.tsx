/**
 * Asks what a dropped table is for: to train on it, or to have its texts answered.
 */
import { useEffect, useRef } from "preact/hooks";
import { learnFrom, offered } from "../state/intake.js";
import { openMany } from "../state/many.js";
import { task } from "../state/tasks.js";
import { arriveAt } from "./heading.js";
import { arriveAtRows } from "./rows-source.js";

export function DropChoice() {
  const file = offered.value;
  return file && <Choice file={file} />;
}

function Choice({ file }: { file: File }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => {
    offered.value = null;
  };
  return (
    <dialog ref={dialog} class="drop-choice" aria-labelledby="drop-choice-title" onClose={close}>
      <h2 id="drop-choice-title">Teach from this, or answer it?</h2>
      <p>
        <strong>{file.name}</strong>
      </p>
      <p class="hint">
        Teaching needs a label in every row. Answering gives each text the answer of{" "}
        {task.value ? `“${task.value.title}”` : "the chosen task"}.
      </p>
      <div class="actions">
        <button
          type="button"
          class="solid"
          onClick={() => {
            close();
            void learnFrom(file, file.name).then(arriveAtRows);
          }}
        >
          Teach from it
        </button>
        <button
          type="button"
          class="solid"
          onClick={() => {
            close();
            void openMany(file, file.name).then(() => arriveAt("many-title"));
          }}
        >
          Answer it
        </button>
        <button type="button" class="quiet" onClick={close}>
          Neither
        </button>
      </div>
    </dialog>
  );
}
