/**
 * Whatever is dropped on the page or chosen goes where it belongs: adapters into the dropdown, rows to be learned from or
 * to be answered, which is for their owner to say.
 */
import { signal } from "@preact/signals";
import { download } from "../files/download.js";
import type { DroppedFile } from "../files/drop.js";
import { CONFIG, partsOf } from "../files/paths.js";
import type { Options } from "../rows/types.js";
import { engine, readyEngine, sentenceOf } from "./engine.js";
import { name } from "./plan.js";
import { open } from "./rows.js";
import { dismiss } from "./run.js";
import { busy } from "./run-state.js";
import { sort } from "./sort.js";
import { freeName, importAdapter, message, trouble } from "./tasks.js";

/** A file of rows of which nobody has said yet what it is for. */
export const offered = signal<File | null>(null);

/**
 * Takes files in; `purpose` says what rows are for, where that is known, and `label` whose examples files of sound or
 * pictures are. Returns where the files went.
 */
export async function takeIn(
  files: readonly DroppedFile[],
  purpose: "teach" | "unknown" = "unknown",
  label: string | null = null,
): Promise<"rows" | "adapters" | "asked" | "learned" | "refused"> {
  trouble.value = null;
  message.value = null;
  try {
    if (sort.value !== "texts" && !files.some(isOfAdapter)) {
      const { takeMedia } = await import("./media/intake.js");
      return await takeMedia(files, label);
    }
    // Reading archives is needed by few: it comes when it is.
    const [{ readDropped }, { unzipApart }] = await Promise.all([
      import("../files/dropped.js"),
      import("../files/unzip-apart.js"),
    ]);
    const dropped = await readDropped(files, unzipApart);
    if (dropped.type === "rows") {
      if (purpose === "unknown") {
        offered.value = dropped.file;
        return "asked";
      }
      await learnFrom(dropped.file, dropped.file.name);
      return "rows";
    }
    if (engine.value.status !== "ready") {
      throw new Error("Adapters can be added once the backbone has loaded: try again in a moment.");
    }
    const names: string[] = [];
    for (const folder of dropped.folders)
      names.push(await importAdapter(folder.name, folder.files));
    message.value = `Added ${names.map((name) => `“${name}”`).join(", ")}.`;
    return "adapters";
  } catch (error) {
    trouble.value = sentenceOf(error);
    return "refused";
  }
}

/** Whether a file is an adapter's, or an archive that may hold one. */
function isOfAdapter({ path }: DroppedFile): boolean {
  return partsOf(path).at(-1) === CONFIG || /\.zip$/i.test(path);
}

/** Reads rows to learn from; other rows are another task. */
export async function learnFrom(from: Blob | string, title: string, told?: Options): Promise<void> {
  const read = await open(from, title, told);
  if (read === "other")
    name.value = freeName(title.replace(/\.[a-z0-9]+$/i, "").trim() || "my task");
  if (!busy.value) dismiss();
}

/** Downloads an adapter as a zipped folder in the format of its kind. */
export async function exportZip(name: string): Promise<void> {
  try {
    const files = await readyEngine().exportAdapter(name);
    const { safeName, zipFolder } = await import("../files/zip.js");
    const archive = zipFolder({ name, files }) as Uint8Array<ArrayBuffer>;
    download(`${safeName(name)}.zip`, new Blob([archive], { type: "application/zip" }));
  } catch (error) {
    trouble.value = sentenceOf(error);
  }
}
