/**
 * Whatever is dropped on the page or chosen goes where it belongs: rows to the lesson, adapters into the dropdown.
 */

import { download } from "../files/download.js";
import type { DroppedFile } from "../files/drop.js";
import type { Options } from "../rows/types.js";
import { engine, readyEngine, sentenceOf } from "./engine.js";
import { name } from "./plan.js";
import { open } from "./rows.js";
import { dismiss } from "./run.js";
import { busy } from "./run-state.js";
import { freeName, importAdapter, message, trouble } from "./tasks.js";

/** Returns where the files went, for the page to turn to it. */
export async function takeIn(
  files: readonly DroppedFile[],
): Promise<"rows" | "adapters" | "refused"> {
  trouble.value = null;
  message.value = null;
  try {
    // Reading archives is needed by few: it comes when it is.
    const [{ readDropped }, { unzipApart }] = await Promise.all([
      import("../files/dropped.js"),
      import("../files/unzip-apart.js"),
    ]);
    const dropped = await readDropped(files, unzipApart);
    if (dropped.type === "rows") {
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
