/**
 * What was asked: the newest with its whole answer, the earlier ones a line each.
 */
import type { Answer } from "graftlet";
import { decimal, milliseconds, probability } from "../../format/units.js";
import { play } from "../../media/player.js";
import { secondsOf } from "../../media/sound.js";
import {
  type Content,
  forgetQuestions,
  type Question,
  questions,
} from "../../state/media/asking.js";
import { NOUNS, sort } from "../../state/sort.js";
import { selected } from "../../state/tasks.js";
import { Body, SpokenSentence, sentenceOf } from "../answer/answer.js";
import { PlayIcon } from "./icons.js";
import { MatteredView } from "./mattered.js";
import { Thumb } from "./thumb.js";
import { Wave } from "./wave.js";

export function Questions() {
  const [newest, ...earlier] = questions.value;
  return (
    <section class="answer" aria-label="Answer">
      <SpokenSentence sentence={newest?.answer ? sentenceOf(newest.answer, []) : ""} />
      {!newest && <p class="hint">The answer appears here.</p>}
      {newest && <Newest key={newest.id} question={newest} />}
      {earlier.length > 0 && (
        <>
          <div class="report-head">
            <h3>Asked before</h3>
            <button type="button" class="link" onClick={forgetQuestions}>
              Clear
            </button>
          </div>
          <ul class="asked">
            {earlier.map((question) => (
              <Earlier key={question.id} question={question} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Newest({ question }: { question: Question }) {
  const { title, content, answer, task, trouble } = question;
  return (
    <div class={task === null || task === selected.value ? "given" : "given stale"}>
      {content && <Shown content={content} title={title} />}
      {trouble !== null && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      {answer && task !== null && (
        <div class="one-answer">
          <Body task={task} result={answer} texts={[]} />
          <p class="figures">
            {milliseconds(answer.ms)}
            {content &&
              "sound" in content &&
              ` · ${secondsOf(content.sound).toFixed(1)} s of sound`}
          </p>
          {content && "picture" in content && answer.form === "label" && (
            <MatteredView key={task} picture={content.picture} task={task} answer={answer} />
          )}
          {answer.windows > 1 && (
            <p class="notice">
              The recording is longer than the model hears at once: it was heard in {answer.windows}{" "}
              parts.
            </p>
          )}
        </div>
      )}
    </div>
  );
}

function Shown({ content, title }: { content: Content; title: string }) {
  if ("picture" in content) {
    return (
      <div class="shown">
        <Thumb picture={content.picture} title={title} />
        <p class="aside">{title}</p>
      </div>
    );
  }
  const { sound } = content;
  return (
    <div class="shown">
      <PlayButton title={title} onPlay={() => void play(sound)} />
      <Wave sound={sound} />
      <p class="aside">{title}</p>
    </div>
  );
}

export function PlayButton({ title, onPlay }: { title: string; onPlay(): void }) {
  return (
    <button type="button" class="quiet small-button" aria-label={`Play ${title}`} onClick={onPlay}>
      <PlayIcon />
    </button>
  );
}

function Earlier({ question: { title, content, answer, trouble } }: { question: Question }) {
  return (
    <li>
      {content && "picture" in content && <Thumb picture={content.picture} title={title} />}
      {content && "sound" in content && (
        <PlayButton title={title} onPlay={() => void play(content.sound)} />
      )}
      <span class="asked-title">{title}</span>
      <span class="asked-answer">
        {trouble ?? (answer ? short(answer) : `This ${NOUNS[sort.value]} waits for its answer.`)}
      </span>
    </li>
  );
}

/** An answer in a few words. */
function short(answer: Answer): string {
  switch (answer.form) {
    case "label":
      return answer.rejected ? "none of these" : `${answer.label}, ${probability(answer.score)}`;
    case "labels":
      return answer.labels.map(({ label }) => label).join(", ") || "none of the labels";
    case "number":
      return decimal(answer.value);
    case "spans":
      return "";
  }
}
