/**
 * The whole page takes files that are dropped on it.
 */
import { useEffect, useState } from "preact/hooks";
import { filesOfDrop } from "../files/drop.js";
import { takeIn } from "../state/intake.js";
import { trouble } from "../state/tasks.js";

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
      const went = files.length > 0 ? await takeIn(files) : "refused";
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
      <p>
        Rows to teach from or to answer (CSV, TSV, JSONL, CoNLL), or an adapter (its folder, its
        files or a zip)
      </p>
    </div>
  );
}
