/**
 * The page: a head that says what this is, a part to ask, a part to teach.
 */
import { Ask } from "./ask.js";
import { DropChoice } from "./drop-choice.js";
import { DropTarget } from "./drop-target.js";
import { Head } from "./head.js";
import { Interrupted } from "./interrupted.js";
import { Many } from "./many.js";
import { Teach } from "./teach.js";
import { Update } from "./update.js";

export function App({ onRetry }: { onRetry: () => void }) {
  return (
    <>
      <Head onRetry={onRetry} />
      <main>
        <Interrupted />
        <Ask />
        <Many />
        <Teach />
      </main>
      <footer class="foot">
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
