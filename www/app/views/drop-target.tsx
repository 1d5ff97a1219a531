/**
 * The whole page takes files that are dropped on it.
 */
import { useEffect, useState } from "preact/hooks";
import { filesOfDrop } from "../files/drop.js";
import { takeIn } from "../state/intake.js";
import { type Sort, sort } from "../state/sort.js";
import { trouble } from "../state/tasks.js";

const ADAPTER = "or an adapter (its folder, its files or a zip)";

/** What can be dropped, by what the model reads. */
const WANTED: Record<Sort, string> = {
  texts: `Rows to teach from or to answer (CSV, TSV, JSONL, CoNLL), ${ADAPTER}`,
  sounds: `Recordings to answer, folders of recordings to teach from (a folder’s name is its label), ${ADAPTER}`,
  pictures: `Pictures to answer, folders of pictures to teach from (a folder’s name is its label), ${ADAPTER}`,
};

export function DropTarget() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    // Entering a child comes before leaving its parent: the page has been left when the two are even.
    let depth = 0;
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const hover = (event: DragEvent) => {
      if (carriesFiles(event)) event.preventDefault();
    };
    const drop = async (event: DragEvent) => {
      if (!event.dataTransfer || !carriesFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      const files = await filesOfDrop(event.dataTransfer).catch((error: unknown) => {
        trouble.value = error instanceof Error ? error.message : String(error);
        return [];
      });
      const onto = (event.target as Element | null)?.closest<HTMLElement>("[data-label]");
      const label = onto?.dataset.label ?? null;
      const went = files.length > 0 ? await takeIn(files, "unknown", label) : "refused";
      if (went === "learned") return;
      if (went !== "asked") document.getElementById("task")?.scrollIntoView({ block: "center" });
    };
    const listen = (event: DragEvent) => void drop(event);
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", hover);
    addEventListener("drop", listen);
    return () => {
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", hover);
      removeEventListener("drop", listen);
    };
  }, []);
  if (!over) return null;
  return (
    <div class="drop-target" aria-hidden="true">
      <p>Drop it here</p>
      <p>{WANTED[sort.value]}</p>
    </div>
  );
}
