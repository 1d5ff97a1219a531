/**
 * The models that the server has, and the one that this visit answers with. Adapters belong to one model each, so the
 * page offers the tasks of the chosen one. Another choice opens the page anew: the memory of the old model goes with
 * the old page.
 */
import { signal } from "@preact/signals";
import { type BackboneInfo, fetchFile } from "graftlet";

export interface Model {
  /** Its folder below models/, without a slash. */
  folder: string;
  title: string;
  /** What it is for, in a few words. */
  about: string;
  /** Of all of its files, unpacked. */
  bytes: number;
  reads: Sort;
}

/** What a model reads. */
export type Sort = BackboneInfo["reads"];
const SORTS: readonly unknown[] = ["texts", "sounds", "pictures"] satisfies Sort[];

/** The model that adapters/index.json lists the tasks of. */
export const USUAL_MODEL = "minilm-l6";
const CHOSEN = "graftlet.model";
const FOLDER = /^[a-z0-9][a-z0-9-]{0,60}$/;

/** What the server has; empty while that is not known, and where its list is missing. */
export const models = signal<Model[]>([]);

/** The folder of this visit's model. */
export const model = readChosen();

/** Where the adapters of this visit's model are, seen from the page. */
export const adaptersFolder = model === USUAL_MODEL ? "adapters/" : `adapters/${model}/`;

/** A model's name for people. */
export function titleOf(folder: string): string {
  return models.value.find((known) => known.folder === folder)?.title ?? folder;
}

/** Reads the list of models. Without one the page has the one it began with. */
export async function loadModels(): Promise<void> {
  try {
    const content = await fetchFile("models.json", { cache: "no-cache" });
    models.value = readModels(new TextDecoder().decode(content));
  } catch {
    models.value = [];
  }
}

/** The usable entries of a list of models. */
export function readModels(json: string): Model[] {
  let list: unknown;
  try {
    list = (Object(JSON.parse(json)) as { models?: unknown }).models;
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  const found = new Map<string, Model>();
  for (const entry of list.slice(0, 20)) {
    // Lists of earlier versions do not say what a model reads, which was texts.
    const {
      folder,
      title,
      about,
      bytes,
      reads = "texts",
    } = Object(entry) as Record<string, unknown>;
    const texts = [folder, title, about].every((text) => typeof text === "string");
    if (!texts || !FOLDER.test(folder as string) || !Number.isFinite(bytes)) continue;
    if (!SORTS.includes(reads)) continue;
    const known = { folder, title, about, bytes, reads } as Model;
    if (!found.has(known.folder)) found.set(known.folder, known);
  }
  return [...found.values()];
}

/** Keeps the choice and opens the page anew with it. */
export function chooseModel(folder: string, open = () => location.reload()): void {
  if (folder === model || !FOLDER.test(folder)) return;
  try {
    if (folder === USUAL_MODEL) localStorage.removeItem(CHOSEN);
    else localStorage.setItem(CHOSEN, folder);
  } catch {
    // A browser that keeps nothing opens the page with the usual model again.
  }
  open();
}

function readChosen(): string {
  try {
    const chosen = localStorage.getItem(CHOSEN);
    if (chosen !== null && FOLDER.test(chosen)) return chosen;
  } catch {
    // It keeps nothing.
  }
  return USUAL_MODEL;
}
