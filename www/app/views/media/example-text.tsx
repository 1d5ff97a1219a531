/**
 * An example that a report speaks of, to be heard or seen.
 */
import { play } from "../../media/player.js";
import { findExample } from "../../state/media/examples.js";
import { PlayButton } from "./questions.js";
import { Thumb } from "./thumb.js";
import { Wave } from "./wave.js";

export function ExampleText({ id, title }: { id: number; title: string }) {
  const example = findExample(id);
  return (
    <div class="shown">
      {example && "sound" in example && (
        <>
          <PlayButton title={title} onPlay={() => void play(example.sound)} />
          <Wave sound={example.sound} />
        </>
      )}
      {example && "picture" in example && <Thumb picture={example.picture} title={title} />}
      <p class="row-text">{title}</p>
    </div>
  );
}
