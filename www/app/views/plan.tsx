/**
 * What will be trained: a name, a kind and its size, and for those who want it the numbers of the run. The kinds and their
 * sizes come from the engine.
 */
import { engine } from "../state/engine.js";
import {
  inspection,
  kind,
  name,
  nameTrouble,
  type Settings,
  settings,
  sizes,
  start,
} from "../state/lesson.js";

export function Plan() {
  const state = engine.value;
  if (state.status !== "ready") {
    return <p class="hint">The kinds of adapter are shown once the backbone is ready.</p>;
  }
  const blocked = inspection.value?.blocked !== null;
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
        void start();
        // The form gives way to the run, which stands where the form began.
        document.getElementById("teach")?.scrollIntoView({ block: "start" });
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
      <fieldset class="kinds">
        <legend>Kind of adapter</legend>
        {state.kinds.map((info) => {
          const chosen = kind.value === info.name;
          const sizeId = `size-${info.name}`;
          return (
            <div key={info.name} class={chosen ? "kind chosen" : "kind"}>
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
              {chosen && info.size && (
                <div class="kind-size">
                  <label for={sizeId}>{info.size.title}</label>
                  <span class="select">
                    <select
                      id={sizeId}
                      value={sizes.value[info.name] ?? info.size.default}
                      onChange={(event) => {
                        sizes.value = {
                          ...sizes.value,
                          [info.name]: Number(event.currentTarget.value),
                        };
                      }}
                    >
                      {info.size.choices.map((choice) => (
                        <option key={choice} value={choice}>
                          {choice}
                        </option>
                      ))}
                    </select>
                  </span>
                </div>
              )}
            </div>
          );
        })}
      </fieldset>
      <details class="settings">
        <summary>Settings of the run</summary>
        <div class="settings-grid">
          <NumberField id="epochs" label="Epochs" min={1} max={200} step={1} />
          <NumberField id="learningRate" label="Learning rate" min={0} max={1} step="any" />
          <NumberField id="batchSize" label="Batch size" min={1} max={256} step={1} />
          <NumberField id="heldOut" label="Held out, %" min={0} max={50} step={1} />
          <NumberField id="seed" label="Seed" min={0} max={4294967295} step={1} />
        </div>
        <p class="hint">
          An empty field leaves the choice to graftlet, which goes by the number of rows.
        </p>
      </details>
      <button type="submit" class="solid start" disabled={blocked || badName !== null}>
        Start training
      </button>
    </form>
  );
}

interface NumberFieldProps {
  id: keyof Settings;
  label: string;
  min: number;
  max: number;
  step: number | "any";
}

function NumberField({ id, label, min, max, step }: NumberFieldProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        placeholder="automatic"
        min={min}
        max={max}
        step={step}
        value={settings.value[id]}
        onInput={(event) => {
          settings.value = { ...settings.value, [id]: event.currentTarget.value };
        }}
      />
    </div>
  );
}
