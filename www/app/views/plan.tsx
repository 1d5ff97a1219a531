/**
 * What will be trained: a name, a kind and its size, and for those who want it the numbers of the run. The kinds and their
 * sizes come from the engine.
 */
import type { KindInfo } from "graftlet";
import { engine } from "../state/engine.js";
import {
  AUTO,
  base,
  isBlocked,
  kind,
  kinds,
  MOST_COMPARED,
  name,
  nameTrouble,
  sizes,
} from "../state/plan.js";
import { start } from "../state/run.js";
import { RunSettings } from "./run-settings.js";

export function Plan() {
  if (engine.value.status !== "ready") {
    return <p class="hint">The kinds of adapter are shown once the backbone is ready.</p>;
  }
  const badName = nameTrouble.value;
  return (
    <form
      class="plan"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!event.currentTarget.checkValidity()) {
          event.currentTarget.reportValidity();
          return;
        }
        // The form gives way to the run, whose heading takes the focus.
        void start();
      }}
    >
      <div class="field name-field">
        <label for="name">Name of the task</label>
        <input
          id="name"
          type="text"
          autocomplete="off"
          maxLength={60}
          value={name.value}
          aria-invalid={badName !== null}
          aria-describedby={badName === null ? undefined : "name-trouble"}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
        {badName !== null && (
          <p class="trouble small" id="name-trouble">
            {badName}
          </p>
        )}
      </div>
      {base.value === null && <Kinds />}
      <RunSettings />
      <button type="submit" class="solid start" disabled={isBlocked.value || badName !== null}>
        Start training
      </button>
    </form>
  );
}

function Kinds() {
  const { common, special } = kinds.value;
  return (
    <fieldset class="kinds">
      <legend>Kind of adapter</legend>
      <Kind info={CHOOSE} />
      {common.map((info) => (
        <Kind key={info.name} info={info} />
      ))}
      {special.length > 0 && (
        <details
          class="settings more-kinds"
          open={special.some((info) => info.name === kind.value)}
        >
          <summary>{special.length} further kinds</summary>
          <div class="kinds-grid">
            {special.map((info) => (
              <Kind key={info.name} info={info} />
            ))}
          </div>
        </details>
      )}
    </fieldset>
  );
}

/** For those to whom the kinds mean nothing. */
const CHOOSE: Pick<KindInfo, "name" | "title" | "description" | "size"> = {
  name: AUTO,
  title: "Choose for me",
  description: `With up to ${MOST_COMPARED} rows the common kinds are compared on them, and the simplest of the best is taken.`,
};

function Kind({ info }: { info: typeof CHOOSE }) {
  const chosen = kind.value === info.name;
  return (
    <div class={chosen ? "kind chosen" : "kind"}>
      <label>
        <input
          type="radio"
          name="kind"
          value={info.name}
          checked={chosen}
          onChange={() => {
            kind.value = info.name;
          }}
        />
        <span class="kind-title">{info.title}</span>
        <span class="kind-description">{info.description}</span>
      </label>
      {chosen && info.size && <Size info={info} size={info.size} />}
    </div>
  );
}

function Size({ info, size }: { info: typeof CHOOSE; size: NonNullable<KindInfo["size"]> }) {
  const id = `size-${info.name}`;
  return (
    <div class="kind-size">
      <label for={id}>{size.title}</label>
      <span class="select">
        <select
          id={id}
          value={sizes.value[info.name] ?? size.default}
          onChange={(event) => {
            sizes.value = { ...sizes.value, [info.name]: Number(event.currentTarget.value) };
          }}
        >
          {size.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}
