/**
 * A label with its examples, and the ways to more of them.
 */
import { useState } from "preact/hooks";
import { counted } from "../../format/units.js";
import { play } from "../../media/player.js";
import { secondsOf } from "../../media/sound.js";
import { camera, cameraUsers } from "../../state/media/camera.js";
import {
  BACKGROUND,
  type Class,
  type PictureExample,
  removeClass,
  removeExample,
  renameClass,
  type SoundExample,
} from "../../state/media/examples.js";
import { takeMedia } from "../../state/media/intake.js";
import { capture, capturing, stopCapture } from "../../state/media/looking.js";
import { BACKGROUND_SECONDS, recordTake } from "../../state/media/takes.js";
import { FileButton } from "./file-button.js";
import { HoldButton } from "./hold-button.js";
import { CrossIcon } from "./icons.js";
import { PlayButton } from "./questions.js";
import { RecordButton } from "./record-button.js";
import { Thumb } from "./thumb.js";
import { Wave } from "./wave.js";

/** Examples that are shown at first, the newest. */
const MOST_SOUNDS = 10;
const MOST_PICTURES = 24;
/** Of the background fewer: one second of it is like another. */
const MOST_BACKGROUND = 3;

interface Props {
  shown: Class;
  isSound: boolean;
}

export function ClassCard({ shown: { label, examples }, isSound }: Props) {
  const [all, setAll] = useState(false);
  const most = label === BACKGROUND ? MOST_BACKGROUND : isSound ? MOST_SOUNDS : MOST_PICTURES;
  const newest = all ? examples : examples.slice(-most);
  return (
    <article class="class-card" data-label={label} aria-label={label}>
      <ClassHead label={label} isEmpty={examples.length === 0} />
      <p class="hint">{advice(label, examples.length, isSound)}</p>
      {isSound ? <RecordTake label={label} /> : <Capture label={label} />}
      {newest.length > 0 && (
        <ul class={isSound ? "takes" : "thumbs"}>
          {newest
            .toReversed()
            .map((example) =>
              "sound" in example ? (
                <Take key={example.id} label={label} example={example} />
              ) : (
                <Shot key={example.id} label={label} example={example} />
              ),
            )}
        </ul>
      )}
      <div class="class-foot">
        <FileButton
          class="link"
          words="Choose files"
          label={`Files for ${label}`}
          onChoose={(files) => void takeMedia(files, label)}
        />
        {examples.length > most && (
          <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Only the newest" : `All ${examples.length}`}
          </button>
        )}
      </div>
    </article>
  );
}

function ClassHead({ label, isEmpty }: { label: string; isEmpty: boolean }) {
  if (label === BACKGROUND) return <h4 class="class-name">{BACKGROUND}</h4>;
  return (
    <div class="class-head">
      <input
        class="class-name"
        type="text"
        autocomplete="off"
        maxLength={60}
        aria-label={`Label ${label}`}
        value={label}
        onChange={(event) => {
          if (!renameClass(label, event.currentTarget.value)) event.currentTarget.value = label;
        }}
      />
      {isEmpty && (
        <button
          type="button"
          class="link small-button"
          aria-label={`Remove ${label}`}
          onClick={() => removeClass(label)}
        >
          <CrossIcon />
        </button>
      )}
    </div>
  );
}

function advice(label: string, count: number, isSound: boolean): string {
  if (!isSound) return count === 0 ? "No picture yet" : counted(count, "picture");
  if (label === BACKGROUND) {
    return count === 0
      ? "The room without the words, so that it is not taken for one"
      : counted(count, "second-long piece");
  }
  if (count === 0) return "No take yet; five to ten are a good start";
  const takes = counted(count, "take");
  return count < 5 ? `${takes}; five to ten are a good start` : takes;
}

function RecordTake({ label }: { label: string }) {
  const isBackground = label === BACKGROUND;
  return (
    <RecordButton
      class="quiet"
      purpose={label}
      label={isBackground ? "Record the background" : `Record “${label}”`}
      words={isBackground ? `Record ${BACKGROUND_SECONDS} seconds` : "Record a take"}
      onBegin={() => void recordTake(label)}
    />
  );
}

function Capture({ label }: { label: string }) {
  if (!cameraUsers.value.has("teaching") || !camera.value) return null;
  const active = capturing.value === label;
  return (
    <HoldButton
      class={active ? "quiet recording" : "quiet"}
      hold
      active={active}
      label={`Hold to take pictures of “${label}”`}
      onBegin={() => void capture(label)}
      onEnd={stopCapture}
    >
      <span class="record-dot" aria-hidden="true" />
      {active ? "Taking pictures…" : "Hold to take pictures"}
    </HoldButton>
  );
}

function Take({ label, example }: { label: string; example: SoundExample }) {
  const { id, title, sound, clipped } = example;
  return (
    <li class="take">
      <PlayButton title={`${label}, ${title}`} onPlay={() => void play(sound)} />
      <Wave sound={sound} />
      <span class="aside number">{secondsOf(sound).toFixed(1)} s</span>
      <Remove label={label} id={id} title={title} />
      {clipped && (
        <p class="take-warning">Too loud, so it is distorted: record it again from farther away.</p>
      )}
    </li>
  );
}

function Shot({ label, example }: { label: string; example: PictureExample }) {
  const { id, title, picture } = example;
  return (
    <li class="shot">
      <Thumb picture={picture} title={`${label}, ${title}`} />
      <Remove label={label} id={id} title={title} />
    </li>
  );
}

function Remove({ label, id, title }: { label: string; id: number; title: string }) {
  return (
    <button
      type="button"
      class="link small-button"
      aria-label={`Delete ${label}, ${title}`}
      onClick={() => removeExample(label, id)}
    >
      <CrossIcon />
    </button>
  );
}
