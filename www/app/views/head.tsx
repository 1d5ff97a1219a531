/**
 * What this is, and how far the backbone has come.
 */
import { duration, megabytes, millions } from "../format/units.js";
import { engine, type Loading } from "../state/engine.js";
import { type Sort, sort } from "../state/sort.js";
import { ModelSelect } from "./model-select.js";

/** What the page says of itself, by what the model reads. */
const WORDS: Record<Sort, { title: string; lede: string }> = {
  texts: {
    title: "One frozen language model, many small specialists.",
    lede: "Pick a task and ask, or teach it your own from a table of examples. It all happens in this tab: your texts stay on your computer.",
  },
  sounds: {
    title: "One frozen model of sounds, many small specialists.",
    lede: "Ask with the microphone, or teach it words and sounds of your own. It all happens in this tab: your recordings stay on your computer.",
  },
  pictures: {
    title: "One frozen model of pictures, many small specialists.",
    lede: "Ask with a picture or the camera, or teach it things of your own. It all happens in this tab: your pictures stay on your computer.",
  },
};

export function Head({ onRetry }: { onRetry: () => void }) {
  return (
    <header class="head">
      <div class="head-words">
        <div class="head-top">
          <p class="wordmark">
            <Mark />
            graftlet
          </p>
          <ModelSelect />
        </div>
        <h1>{WORDS[sort.value].title}</h1>
        <p class="lede">{WORDS[sort.value].lede}</p>
      </div>
      <Backbone onRetry={onRetry} />
    </header>
  );
}

/** A scion set on a stock. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 31V18" class="mark-stock" />
      <path d="M16 19V9" class="mark-scion" />
      <path d="M11.5 21.5 20.5 16.5" class="mark-cut" />
      <path d="M16 13C16 6 20 2.5 27 2c.4 7-3.500 11-11 11Z" class="mark-leaf" />
      <path d="M16 10C16 6 13 3.500 7 3.500 7 8 10 10.500 16 10Z" class="mark-leaf" />
    </svg>
  );
}

function Backbone({ onRetry }: { onRetry: () => void }) {
  const state = engine.value;
  if (state.status === "failed") {
    return (
      <section class="backbone" aria-label="Backbone">
        <p class="trouble" role="alert">
          {state.sentence}
        </p>
        {!state.final && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
      </section>
    );
  }
  if (state.status === "loading") {
    const { loaded, total } = state;
    const known = total > 0;
    return (
      <section class="backbone" aria-label="Backbone">
        <label for="backbone-progress">
          {known && loaded === total ? "Starting the model" : "Fetching the model, once"}
        </label>
        <progress
          id="backbone-progress"
          max={known ? total : 1}
          {...(known ? { value: loaded } : {})}
        />
        <p class="figures">{figures(state)}</p>
      </section>
    );
  }
  const { backbone, runtime } = state.graftlet;
  return (
    <section class="backbone backbone-ready" aria-label="Backbone">
      <p>
        <span class="ready-dot" aria-hidden="true" />
        {backbone.name.split("/").at(-1)} is ready
      </p>
      <p class="figures">
        {millions(backbone.parameters)} parameters, frozen · {backbone.dtype}
        {state.bytes > 0 && ` · ${megabytes(state.bytes)} MB`}
      </p>
      <p class="figures">{runtime.kernels} kernels</p>
      <p class="figures" role="status">
        {state.notice}
      </p>
    </section>
  );
}

/** “12.3 of 25.9 MB · 2.1 MB/s · about 10 s left”. */
function figures({ loaded, total, bytesPerSecond, secondsLeft, waiting }: Loading): string {
  const parts = [total > 0 ? `${megabytes(loaded)} of ${megabytes(total)} MB` : "Connecting…"];
  if (waiting !== null) parts.push(waiting);
  else if (bytesPerSecond !== null && secondsLeft !== null && loaded < total) {
    parts.push(`${megabytes(bytesPerSecond)} MB/s`, `${duration(secondsLeft)} left`);
  }
  return parts.join(" · ");
}
