/**
 * The numbers of a run, for those who want to set them.
 */
import { PROBLEMS } from "graftlet";
import { problem, type Settings, settings } from "../state/plan.js";

export function RunSettings() {
  return (
    <details class="settings">
      <summary>Settings of the run</summary>
      <div class="settings-grid">
        <NumberField id="epochs" label="Epochs" min={1} max={200} step={1} />
        <NumberField id="patience" label="Patience" min={1} max={200} step={1} />
        <NumberField id="learningRate" label="Learning rate" min={0} max={1} step="any" />
        <NumberField id="batchSize" label="Batch size" min={1} max={256} step={1} />
        <NumberField id="heldOut" label="Held out, %" min={1} max={90} step={1} />
        <NumberField id="weightDecay" label="Weight decay" min={0} max={1} step="any" />
        <NumberField id="labelSmoothing" label="Label smoothing" min={0} max={0.9} step="any" />
        <NumberField id="headDropout" label="Dropout" min={0} max={0.95} step="any" />
        <NumberField id="seed" label="Seed" min={0} max={4294967295} step={1} />
        {problem.value && PROBLEMS[problem.value].classes && (
          <label class="check">
            <input
              type="checkbox"
              checked={settings.value.balanced}
              onChange={(event) => {
                settings.value = { ...settings.value, balanced: event.currentTarget.checked };
              }}
            />
            Rare classes count as much
          </label>
        )}
      </div>
      <p class="hint">
        An empty field leaves the choice to graftlet, which goes by the kind and the number of rows.
        Training ends early when the held-out score has not risen for as many epochs as the
        patience.
      </p>
    </details>
  );
}

interface NumberFieldProps {
  id: Exclude<keyof Settings, "balanced">;
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
