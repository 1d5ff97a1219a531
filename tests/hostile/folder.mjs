/** An adapter folder that is right, and its parts. */
import { floats, json, safetensors } from "./bytes.mjs";

export const HIDDEN = 384;
export const LAYER = "base_model.model.encoder.layer.0.attention.self.query";
export const CONFIG = "adapter_config.json";
export const WEIGHTS = "adapter_model.safetensors";
export const HEAD = "graftlet_head.safetensors";
export const SIDE = "graftlet.json";

export const config = (more = {}) => ({
  peft_type: "LORA",
  r: 2,
  lora_alpha: 4,
  target_modules: ["encoder.layer.0.attention.self.query"],
  bias: "none",
  task_type: "FEATURE_EXTRACTION",
  base_model_name_or_path: "sentence-transformers/all-MiniLM-L6-v2",
  ...more,
});
export const tensors = () => ({
  [`${LAYER}.lora_A.weight`]: { shape: [2, HIDDEN], data: floats(2 * HIDDEN, 1) },
  [`${LAYER}.lora_B.weight`]: { shape: [HIDDEN, 2], data: floats(2 * HIDDEN, 2) },
});
export const head = (labels) => ({
  "out.weight": { shape: [labels, HIDDEN], data: floats(labels * HIDDEN, 3) },
  "out.bias": { shape: [labels], data: floats(labels, 4) },
});
export const side = (more = {}) => ({ labels: ["no", "yes"], pooling: "mean", ...more });

/** A folder that is right, but for what is replaced; `null` leaves a file out. */
export function folder(files = {}) {
  const all = {
    [CONFIG]: json(config()),
    [WEIGHTS]: safetensors(tensors()),
    [HEAD]: safetensors(head(2)),
    [SIDE]: json(side()),
    ...files,
  };
  return Object.fromEntries(Object.entries(all).filter(([, content]) => content !== null));
}
