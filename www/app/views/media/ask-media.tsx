/**
 * Asking a model of sounds or pictures: files, the microphone, the camera.
 */
import { engine } from "../../state/engine.js";
import { askFiles, askRecording } from "../../state/media/asking.js";
import { cameraTrouble, cameraUsers } from "../../state/media/camera.js";
import { seen } from "../../state/media/looking.js";
import { microphoneTrouble } from "../../state/media/microphone.js";
import { ASKING } from "../../state/media/recording.js";
import { sort } from "../../state/sort.js";
import { adapter, selected, tasks } from "../../state/tasks.js";
import { Body } from "../answer/answer.js";
import { CameraSwitch, CameraView } from "./camera-view.js";
import { FileButton } from "./file-button.js";
import { Listening } from "./listening.js";
import { Questions } from "./questions.js";
import { RecordButton } from "./record-button.js";

export function AskMedia() {
  if (engine.value.status !== "ready") {
    return <p class="hint">You can ask once the backbone is ready.</p>;
  }
  if (tasks.value.length === 0) {
    return (
      <p class="hint">
        There is no task for this model yet. Teach it your own below, or add an adapter.
      </p>
    );
  }
  if (!adapter.value) return <p class="hint">Fetching the adapter…</p>;
  return sort.value === "sounds" ? <AskSounds /> : <AskPictures />;
}

const take = (files: readonly { file: File }[]) => void askFiles(files.map(({ file }) => file));

function AskSounds() {
  return (
    <>
      <div class="ask-media">
        <RecordButton
          class="solid"
          purpose={ASKING}
          label="Record a question"
          words="Record"
          onBegin={() => void askRecording()}
        />
        <FileButton
          class="quiet"
          words="Choose recordings"
          label="Recordings to answer"
          onChoose={take}
        />
      </div>
      <p class="hint">
        Press it and speak: it ends when you are silent. Or hold it as long as you speak. You can
        also drop recordings on the page.
      </p>
      <MicrophoneTrouble />
      <Listening />
      <Questions />
    </>
  );
}

export function MicrophoneTrouble() {
  if (microphoneTrouble.value === null) return null;
  return (
    <p class="trouble" role="alert">
      {microphoneTrouble.value}
    </p>
  );
}

export function CameraTrouble() {
  if (cameraTrouble.value === null) return null;
  return (
    <p class="trouble" role="alert">
      {cameraTrouble.value}
    </p>
  );
}

function AskPictures() {
  return (
    <>
      <div class="ask-media">
        <FileButton
          class="solid"
          words="Choose pictures"
          label="Pictures to answer"
          onChoose={take}
        />
        <CameraSwitch user="asking" words="Ask with the camera" />
      </div>
      <p class="hint">You can also drop pictures on the page.</p>
      <CameraTrouble />
      {cameraUsers.value.has("asking") && <Live />}
      <Questions />
    </>
  );
}

function Live() {
  const shown = seen.value;
  return (
    <section class="answer live" aria-label="What the camera sees">
      <CameraView user="asking" />
      <div class={shown.status === "given" && shown.task !== selected.value ? "stale" : undefined}>
        {shown.status === "none" && <p class="hint">The answer appears here.</p>}
        {shown.status === "failed" && <p class="trouble">{shown.sentence}</p>}
        {shown.status === "given" && (
          <div class="one-answer">
            <Body task={shown.task} result={shown.answer} texts={[]} />
          </div>
        )}
      </div>
    </section>
  );
}
