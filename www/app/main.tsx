/**
 * The page's start: show it at once, then fetch the list of tasks and the backbone side by side.
 */
// Before all else: what comes after may start workers.
import "./trusted-types.js";
import "./styles/fonts.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/notices.css";
import "./styles/ask.css";
import "./styles/teach.css";
import "./styles/plan.css";
import "./styles/texts-file.css";
import "./styles/run.css";
import "./styles/report.css";
import "./styles/kept.css";
import "./styles/media.css";
import "./styles/listening.css";
// After all others: it takes back what they colour.
import "./styles/forced-colors.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { followVersions } from "./offline/register.js";
import { followText } from "./state/answer.js";
import { engine, loadEngine } from "./state/engine.js";
import { followLaunches } from "./state/launch.js";
import { hasRecordings } from "./state/media/examples.js";
import { adaptersFolder, loadModels } from "./state/models.js";
import { followSort } from "./state/plan.js";
import { followRows } from "./state/rows.js";
import { followInterrupted } from "./state/run.js";
import { unkept } from "./state/run-state.js";
import { loadIndex, loadOwn, task } from "./state/tasks.js";
import { App } from "./views/app.js";
import { followMedia } from "./views/media-parts.js";

const root = document.getElementById("app");
if (root) render(<App onRetry={boot} />, root);
// The page is drawn before anything is set in motion.
setTimeout(() => {
  followText();
  followRows();
  followLaunches();
  followSort();
  followMedia();
  // What makes the next visit work without a network comes after what this one needs.
  const opened = openedFolders();
  void boot().finally(() => followVersions(() => opened));
});

// A run that the browser keeps can be continued at the next visit.
addEventListener("beforeunload", (event) => {
  if (unkept.peek() || hasRecordings.peek()) event.preventDefault();
});

/** The folders of the shipped adapters that were chosen so far. */
function openedFolders(): ReadonlySet<string> {
  const folders = new Set<string>();
  effect(() => {
    const chosen = task.value;
    if (chosen?.origin === "shipped") folders.add(`${adaptersFolder}${chosen.shipped.path}`);
  });
  return folders;
}

async function boot(): Promise<void> {
  await Promise.all([loadModels(), loadIndex(), loadEngine()]);
  if (engine.value.status === "ready") await Promise.all([loadOwn(), followInterrupted()]);
}
