/**
 * Teaching a model of sounds or pictures: labels with their examples, the adapter, the run.
 */
import { useRef, useState } from "preact/hooks";
import { counted } from "../../format/units.js";
import { addClass, BACKGROUND, type Class, classes, examples } from "../../state/media/examples.js";
import { leftOut, reading, takeMedia } from "../../state/media/intake.js";
import {
  canMix,
  continues,
  inBackground,
  missing,
  proposeName,
  strangers,
} from "../../state/plan.js";
import { busy, run } from "../../state/run-state.js";
import { sort } from "../../state/sort.js";
import { Heading } from "../heading.js";
import { Plan } from "../plan.js";
import { RunView } from "../run.js";
import { CameraTrouble, MicrophoneTrouble } from "./ask-media.js";
import { CameraSwitch, CameraView } from "./camera-view.js";
import { ClassCard } from "./class-card.js";
import { FileButton } from "./file-button.js";

export function TeachMedia() {
  const isSound = sort.value === "sounds";
  return (
    <section class="panel teach" id="teach" aria-labelledby="teach-title">
      <div class="teach-head">
        <h2 id="teach-title">Teach it your own</h2>
        <p class="lede">
          {isSound
            ? "Record each word five to ten times, and the background once. A small adapter is trained here, while the model itself stays as it is."
            : "Give it pictures of each thing, from files or from the camera; twenty of each are a good start. A small adapter is trained here, while the model itself stays as it is."}
        </p>
      </div>
      {!busy.value && <Examples isSound={isSound} />}
      {run.value.status !== "idle" && <RunView />}
      {examples.value.length > 0 && !busy.value && (
        <>
          {strangers.value && <GoOn {...strangers.value} />}
          {canMix.value && <InBackground />}
          {missing.value !== null && <p class="notice">{missing.value}</p>}
          <Plan />
        </>
      )}
    </section>
  );
}

/** For listening: it takes longer, so it can be left out. */
function InBackground() {
  return (
    <div>
      <label class="check">
        <input
          type="checkbox"
          checked={inBackground.value}
          onChange={(event) => {
            inBackground.value = event.currentTarget.checked;
          }}
        />
        Learn the words in the background, too
      </label>
      <p class="hint">
        For listening. Eight copies of each take are mixed with the background and learned as well,
        which takes longer.
      </p>
    </div>
  );
}

/** Corrections of a task whose other examples are gone: they change it, or are learned alone. */
function GoOn({ task, labels }: { task: string; labels: readonly string[] }) {
  return (
    <div>
      <label class="check">
        <input
          type="checkbox"
          checked={continues.value}
          onChange={(event) => {
            continues.value = event.currentTarget.checked;
          }}
        />
        Go on from “{task}”
      </label>
      <p class="hint">
        It knows {labels.map((label) => `“${label}”`).join(", ")}, of which there are no examples
        here. To go on from it keeps {labels.length === 1 ? "that label" : "those labels"}.
      </p>
    </div>
  );
}

function Examples({ isSound }: { isSound: boolean }) {
  const words = classes.value.filter(({ label }) => label !== BACKGROUND);
  const background = backgroundOf(isSound);
  return (
    <div class="examples">
      <div class="source-line">
        <Heading id="examples-title">Examples</Heading>
        <div class="actions">
          {!isSound && <CameraSwitch user="teaching" words="Use the camera" />}
          <FileButton
            class="quiet"
            folder
            words="Choose a folder"
            label="Folder of examples"
            onChoose={(files) => void takeMedia(files)}
          />
        </div>
      </div>
      <p class="hint">
        A folder that holds a folder for each label can be dropped here, too: the folders’ names are
        the labels. Files that are dropped on a label become its examples.
      </p>
      {isSound ? <MicrophoneTrouble /> : <CameraTrouble />}
      <Reading />
      {!isSound && <CameraView user="teaching" />}
      <div class="class-grid">
        {words.map((shown) => (
          <ClassCard key={shown.label} shown={shown} isSound={isSound} />
        ))}
        <AddClass isSound={isSound} />
        {background && <ClassCard shown={background} isSound={isSound} />}
      </div>
    </div>
  );
}

/** The background: for sounds it is offered from the start. */
function backgroundOf(isSound: boolean): Class | undefined {
  const known = classes.value.find(({ label }) => label === BACKGROUND);
  return known ?? (isSound ? { label: BACKGROUND, examples: [], counter: 0 } : undefined);
}

function Reading() {
  const now = reading.value;
  return (
    <div role="status">
      {now && (
        <div class="many-run">
          <p>
            Reading {now.done} of {counted(now.total, "file")}…
          </p>
          <progress max={now.total} value={now.done} aria-label="Files read" />
        </div>
      )}
      {leftOut.value.length > 0 && (
        <div class="notice notes">
          {leftOut.value.slice(0, MOST_NAMED).map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          {leftOut.value.length > MOST_NAMED && (
            <p>And {leftOut.value.length - MOST_NAMED} more.</p>
          )}
        </div>
      )}
    </div>
  );
}

/** Files that are named one by one where they could not be read. */
const MOST_NAMED = 5;

function AddClass({ isSound }: { isSound: boolean }) {
  const [label, setLabel] = useState("");
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="class-card add-class"
      onSubmit={(event) => {
        event.preventDefault();
        addClass(label);
        proposeName();
        setLabel("");
        input.current?.focus();
      }}
    >
      <div class="field">
        <label for="new-label">{isSound ? "A word or a sound" : "A thing"}</label>
        <input
          ref={input}
          id="new-label"
          type="text"
          autocomplete="off"
          maxLength={60}
          placeholder={isSound ? "yes" : "cup"}
          value={label}
          onInput={(event) => setLabel(event.currentTarget.value)}
        />
      </div>
      <button type="submit" class="quiet" disabled={label.trim() === ""}>
        Add the label
      </button>
    </form>
  );
}
