/** How the double of the engine reads an adapter's folder, and the kinds of adapters that it knows. */
import type { AdapterFiles, AdapterInfo, KindInfo } from "../types.js";
import { BACKBONE, type Centroids, engineError } from "./fake-answer.js";

/** The file with an adapter's config. */
export const CONFIG = "adapter_config.json";

export const KINDS: KindInfo[] = [
  {
    name: "lora",
    title: "LoRA",
    description: "Low-rank updates of the attention's query and value.",
    format: "peft",
    size: { name: "rank", title: "Rank", default: 8, choices: [2, 4, 8, 16] },
  },
  {
    name: "pfeiffer",
    title: "Bottleneck (Pfeiffer)",
    description: "A small network after each layer's feed-forward block.",
    format: "adapterhub",
    size: { name: "reductionFactor", title: "Reduction", default: 16, choices: [8, 16, 32] },
  },
];

/** What the folder says, and what answers with it. Throws what the engine does where it is not an adapter of the backbone. */
export function readAdapter(
  name: string,
  files: AdapterFiles,
): { info: AdapterInfo; data: Centroids } {
  const config = files[CONFIG];
  if (!config)
    throw engineError("file_missing", `${CONFIG} is missing: choose the adapter's whole folder.`);
  const read = parsed(config);
  if (read.hidden_size !== undefined && read.hidden_size !== BACKBONE.hiddenSize) {
    throw engineError(
      "backbone_mismatch",
      `The adapter is for hidden size ${read.hidden_size}, the backbone has ${BACKBONE.hiddenSize}.`,
    );
  }
  const data: Centroids = {
    kind: read.kind ?? "lora",
    ...(read.pair === undefined ? {} : { pair: read.pair }),
    labels: read.labels ?? ["no", "yes"],
    words: read.words ?? {},
  };
  const info: AdapterInfo = {
    name,
    kind: data.kind,
    title: KINDS.find((kind) => kind.name === data.kind)?.title ?? data.kind,
    ...(data.pair === undefined ? {} : { pair: data.pair }),
    labels: data.labels,
    parameters: 75_000,
    share: 75_000 / BACKBONE.parameters,
    bytes: Object.values(files).reduce((sum, file) => sum + file.byteLength, 0),
    format: KINDS.find((kind) => kind.name === data.kind)?.format ?? "peft",
    sites: ["query", "value"],
    rank: 8,
    alpha: 16,
  };
  return { info, data };
}

function parsed(config: Uint8Array): Partial<Centroids> & { hidden_size?: number } {
  try {
    return JSON.parse(new TextDecoder().decode(config));
  } catch {
    throw engineError("config_invalid", `${CONFIG} is no JSON.`);
  }
}
