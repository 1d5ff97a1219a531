/**
 * Asking: the task, the text, the answer, and the card of the adapter that gives it.
 */
import { useRef } from "preact/hooks";
import { beside, pair, text, text2 } from "../state/answer.js";
import { takeIn } from "../state/intake.js";
import { sort } from "../state/sort.js";
import { knownPair, message, OWN, select, selected, tasks, trouble } from "../state/tasks.js";
import { AnswerView } from "./answer/answer.js";
import { Card } from "./card.js";
import { Growing } from "./growing.js";
import { NotKept } from "./kept.js";
import { mediaParts } from "./media-parts.js";

export function Ask() {
  const Media = mediaParts.value;
  return (
    <section class="panel ask" aria-labelledby="ask-title">
      <h2 id="ask-title" class="visually-hidden">
        Ask
      </h2>
      <div class="ask-main">
        <div class="task-row">
          <TaskSelect />
          <AddAdapter />
        </div>
        {trouble.value !== null && (
          <p class="trouble" role="alert">
            {trouble.value}
          </p>
        )}
        <p class="message" role="status">
          {message.value}
        </p>
        <NotKept />
        {sort.value === "texts" ? (
          <>
            <TextBoxes />
            <AnswerView />
          </>
        ) : (
          Media && <Media.AskMedia />
        )}
      </div>
      <Card />
    </section>
  );
}

function TaskSelect() {
  const groups = [...new Set(tasks.value.map(({ group }) => group))];
  // One's own tasks stand last, wherever they were found first.
  groups.sort((a, b) => Number(a === OWN) - Number(b === OWN));
  return (
    <div class="field task-field">
      <label for="task">Task</label>
      <span class="select">
        <select
          id="task"
          value={selected.value ?? ""}
          disabled={tasks.value.length === 0}
          onChange={(event) => void select(event.currentTarget.value)}
        >
          {groups.map((group) => (
            <optgroup key={group} label={group}>
              {tasks.value
                .filter((task) => task.group === group)
                .map((task) => (
                  <option key={task.name} value={task.name} selected={task.name === selected.value}>
                    {task.title}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      </span>
    </div>
  );
}

function AddAdapter() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="quiet" onClick={() => input.current?.click()}>
        Add an adapter…
      </button>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="Adapter files"
        multiple
        accept=".zip,.json,.safetensors,.bin"
        onChange={(event) => {
          const field = event.currentTarget;
          const files = [...(field.files ?? [])].map((file) => ({ path: file.name, file }));
          // Emptied, so that the same file can be chosen again after a mistake.
          field.value = "";
          if (files.length > 0) void takeIn(files);
        }}
      />
    </>
  );
}

function TextBoxes() {
  const two = pair.value || beside.value;
  return (
    <div class="texts">
      <div class="field">
        <label for="text">{two ? "First text" : "Text"}</label>
        <Growing
          id="text"
          class="specimen"
          value={text.value}
          placeholder="Type or paste a text"
          onInput={(value) => {
            text.value = value;
          }}
        />
      </div>
      {two && (
        <div class="field">
          <label for="text2">Second text</label>
          <Growing
            id="text2"
            class="specimen"
            value={text2.value}
            placeholder={pair.value ? "The text to compare it with" : "Another text to answer"}
            onInput={(value) => {
              text2.value = value;
            }}
          />
        </div>
      )}
      {knownPair.value !== true && <TwoTexts two={two} />}
    </div>
  );
}

/** For tasks that do not ask for two texts: a second one is answered beside the first. */
function TwoTexts({ two }: { two: boolean }) {
  return (
    <div class="two-texts">
      <button
        type="button"
        class="link"
        onClick={() => {
          beside.value = !two;
          pair.value = false;
        }}
      >
        {two ? "One text only" : "Compare with a second text"}
      </button>
      {two && knownPair.value === null && (
        <label class="check">
          <input
            type="checkbox"
            checked={pair.value}
            onChange={(event) => {
              pair.value = event.currentTarget.checked;
              beside.value = !event.currentTarget.checked;
            }}
          />
          The adapter reads both as one pair
        </label>
      )}
    </div>
  );
}
