/**
 * Listening live: a switch, the scores now, and what was detected, each to be put right with one tap.
 */
import { useState } from "preact/hooks";
import { counted, probability } from "../../format/units.js";
import { play } from "../../media/player.js";
import { BACKGROUND, classes } from "../../state/media/examples.js";
import {
  correctHeard,
  corrections,
  type Heard,
  heard,
  isListening,
  listen,
  scores,
  stopListening,
  threshold,
} from "../../state/media/listening.js";
import { adapter } from "../../state/tasks.js";
import { Bars } from "../answer/bars.js";
import { arriveAt } from "../heading.js";
import { PlayButton } from "./questions.js";
import { Meter } from "./wave.js";

export function Listening() {
  const labels = adapter.value?.labels ?? [];
  const least = threshold.value;
  return (
    <section class="listening" aria-labelledby="listening-title">
      <div class="listening-head">
        <h3 id="listening-title" class="visually-hidden">
          Listening
        </h3>
        <label class="check">
          <input
            type="checkbox"
            checked={isListening.value}
            onChange={(event) => (event.currentTarget.checked ? void listen() : stopListening())}
          />
          Listen live
        </label>
        <Meter live={isListening.value} />
        <label class="threshold">
          Detect from {probability(least)}
          <input
            type="range"
            min={0.3}
            max={0.95}
            step={0.05}
            value={least}
            onInput={(event) => {
              threshold.value = Number(event.currentTarget.value);
            }}
          />
        </label>
      </div>
      {isListening.value && !labels.includes(BACKGROUND) && (
        <p class="notice">
          This task knows no “{BACKGROUND}”, so it takes every sound for one of its labels. Record
          the background below and train again.
        </p>
      )}
      {isListening.value && scores.value.length > 0 && (
        <Bars
          scores={scores.value}
          chosen={(label) =>
            label !== BACKGROUND &&
            scores.value.some((entry) => entry.label === label && entry.score >= least)
          }
          threshold={(label) => (label === BACKGROUND ? undefined : least)}
        />
      )}
      {heard.value.length > 0 && (
        <ul class="heard" aria-label="Detected">
          {heard.value.map((entry) => (
            <HeardView key={entry.id} entry={entry} labels={labels} />
          ))}
        </ul>
      )}
      {corrections.value > 0 && (
        <div class="actions">
          <p class="hint">
            {counted(corrections.value, "correction")} of yours can be learned from.
          </p>
          <button type="button" class="quiet" onClick={() => arriveAt("examples-title")}>
            Go to the examples
          </button>
        </div>
      )}
    </section>
  );
}

function HeardView({ entry, labels }: { entry: Heard; labels: readonly string[] }) {
  const [asking, setAsking] = useState(false);
  const { id, label, score, time, sound, corrected } = entry;
  const own = classes.value.map((known) => known.label);
  const others = [...new Set([...labels, ...own, BACKGROUND])].filter((other) => other !== label);
  return (
    <li class={corrected ? "corrected" : undefined}>
      <PlayButton
        title={`${label}, heard at ${time.toLocaleTimeString()}`}
        onPlay={() => void play(sound)}
      />
      <strong class="heard-label">{label}</strong>
      <span class="aside number">{probability(score)}</span>
      <time class="aside number" dateTime={time.toISOString()}>
        {time.toLocaleTimeString()}
      </time>
      <button type="button" class="link" aria-expanded={asking} onClick={() => setAsking(!asking)}>
        {corrected ? `it was ${corrected.label}` : "Wrong?"}
      </button>
      {asking && (
        <fieldset class="it-was">
          <legend>It was …</legend>
          {others.map((other) => (
            <button
              key={other}
              type="button"
              class="quiet"
              onClick={() => {
                correctHeard(id, other);
                setAsking(false);
              }}
            >
              {other}
            </button>
          ))}
        </fieldset>
      )}
    </li>
  );
}
