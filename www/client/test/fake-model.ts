/** How the double of the engine converts a model. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { AdapterFiles, BackboneInfo } from "../types.js";
import { engineError } from "./fake-answer.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface FakeModel {
  model_type?: string;
}

/** Asks for three files, in the engine's order: small ones one by one, then the weights. */
export function missingModelFiles(
  files: Record<string, Uint8Array | null>,
  path: string,
  names: string[],
): string[] {
  const missing = (file: string) =>
    engineError("file_missing", `${path}: no ${file} there; one of ${names.length} files`);
  for (const name of ["config.json", "tokenizer.json"]) {
    const content = files[name];
    if (content === undefined) return [name];
    if (content === null) throw missing(name);
    if (name !== "config.json") continue;
    const { model_type: type = "bert" } = JSON.parse(decoder.decode(content)) as FakeModel;
    if (type !== "bert")
      throw engineError("model_unsupported", `this folder holds a ${type} model`);
  }
  const wanted = ["model.safetensors"].filter((name) => files[name] === undefined);
  if (files["model.safetensors"] === null) throw missing("model.safetensors");
  return wanted;
}

/** Keeps every fourth byte of the weights, of which the first must be 77. */
export function convertModel(
  files: Record<string, Uint8Array | null>,
  path: string,
  _names: string[],
  dtype: BackboneInfo["dtype"],
  progress: (share: number) => void,
): AdapterFiles {
  const source = files["model.safetensors"];
  if (source?.[0] !== 77) throw engineError("file_truncated", "model.safetensors is truncated");
  delete files["model.safetensors"];
  progress(0.5);
  const weights = source.filter((_, index) => index % 4 === 0);
  progress(1);
  const contents: AdapterFiles = {
    "config.json": files["config.json"] ?? new Uint8Array(),
    "tokenizer.json": files["tokenizer.json"] ?? new Uint8Array(),
    "backbone.safetensors": weights,
  };
  const list = Object.entries(contents).map(([name, content]) => ({
    name,
    bytes: content.length,
    sha256: bytesToHex(sha256(content)),
  }));
  const manifest = { format: 1, name: path, dtype, fingerprint: "fake", files: list };
  return { ...contents, "manifest.json": encoder.encode(JSON.stringify(manifest)) };
}
