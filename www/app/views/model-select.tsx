/**
 * The choice of the model, where the server has more than one. It stands beside the wordmark, where it moves nothing
 * when the list of models arrives.
 */
import { useSignal } from "@preact/signals";
import { megabytes } from "../format/units.js";
import { chooseModel, model, models } from "../state/models.js";
import { busy } from "../state/run-state.js";
import { notKept } from "../state/tasks.js";
import { Select } from "./select.js";

export function ModelSelect() {
  const refusal = useSignal<string | null>(null);
  const list = models.value;
  const isListed = list.some(({ folder }) => folder === model);
  if (list.length === 0 || (list.length === 1 && isListed)) return null;
  const options = list.map(({ folder, title, about, bytes }) => ({
    value: folder,
    title: `${title}: ${about}, ${megabytes(bytes)} MB`,
  }));
  if (!isListed) options.unshift({ value: model, title: `${model}: not on this server` });
  const choose = (folder: string, select: HTMLSelectElement) => {
    refusal.value = whyNot();
    if (refusal.value === null) chooseModel(folder);
    else select.value = model;
  };
  return (
    <div class="model">
      <Select id="model" label="Model" options={options} value={model} onChoose={choose} />
      <p class="hint" role="status">
        {refusal.value}
      </p>
    </div>
  );
}

/** Why the model cannot be changed now: the page opens anew with another. */
function whyNot(): string | null {
  if (busy.peek()) return "The model can be changed when the training has ended.";
  if (notKept.peek().size > 0) {
    return "A task of yours is not kept in this browser: download it before you change the model.";
  }
  return null;
}
