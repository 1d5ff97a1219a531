/**
 * Teaching: rows, their columns, the adapter, the run.
 */
import { choice, inspection, opened } from "../state/rows.js";
import { busy, run } from "../state/run-state.js";
import { sort } from "../state/sort.js";
import { mediaParts } from "./media-parts.js";
import { Plan } from "./plan.js";
import { RowsSource } from "./rows-source.js";
import { RowsTable } from "./rows-table.js";
import { RunView } from "./run.js";

export function Teach() {
  const Media = mediaParts.value;
  if (sort.value === "texts") return <TeachTexts />;
  return Media && <Media.TeachMedia />;
}

function TeachTexts() {
  const read = opened.value && choice.value && inspection.value ? opened.value : null;
  return (
    <section class="panel teach" id="teach" aria-labelledby="teach-title">
      <div class="teach-head">
        <h2 id="teach-title">Teach it your own</h2>
        <p class="lede">
          Give it a table of examples, each a text and the label it should get; twenty rows a class
          are a good start. A small adapter is trained here, while the model itself stays as it is.
        </p>
      </div>
      <RowsSource />
      {run.value.status !== "idle" && <RunView />}
      {/* While a run is under way there is nothing to choose: the run has the room. */}
      {read && !busy.value && <RowsTable opened={read} />}
      {read && !busy.value && <Plan />}
    </section>
  );
}
