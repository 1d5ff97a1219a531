/**
 * The page: a head that says what this is, a part to ask, a part to teach.
 */
import { inspection } from "../state/rows.js";
import { sort } from "../state/sort.js";
import { Ask } from "./ask.js";
import { DropChoice } from "./drop-choice.js";
import { DropTarget } from "./drop-target.js";
import { Head } from "./head.js";
import { Interrupted } from "./interrupted.js";
import { Kept } from "./kept.js";
import { Many } from "./many.js";
import { useHeldWhileBusy, useSteady } from "./steady.js";
import { Teach } from "./teach.js";
import { Update } from "./update.js";

export function App({ onRetry }: { onRetry: () => void }) {
  useSteady("ask", "many");
  useHeldWhileBusy("ask");
  return (
    <>
      <Head onRetry={onRetry} />
      <main>
        <Interrupted />
        <Ask />
        {sort.value === "texts" && <Many />}
        <Teach />
        <Kept />
      </main>
      {/* Another one below rows: moved out of sight by them, it would be a jump. */}
      <footer key={inspection.value ? "below rows" : "below none"} class="foot">
        <p>
          Adapters are read and written in the formats of PEFT and AdapterHub. Everything runs in
          this tab; this page asks nothing of any other server.
        </p>
      </footer>
      <DropTarget />
      <DropChoice />
      <Update />
    </>
  );
}
