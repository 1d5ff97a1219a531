/**
 * Records a take or a question, with how loud and how long it is.
 */
import { microphone } from "../../state/media/microphone.js";
import { finishRecording, recording } from "../../state/media/recording.js";
import { HoldButton } from "./hold-button.js";
import { Meter } from "./wave.js";

interface Props {
  purpose: string;
  class: string;
  /** For those who do not see what it stands beside. */
  label: string;
  /** What it says while it rests. */
  words: string;
  onBegin(): void;
}

export function RecordButton({ purpose, class: name, label, words, onBegin }: Props) {
  const now = recording.value?.purpose === purpose ? recording.value : null;
  const isOpening = microphone.value === "opening";
  return (
    <div class="record">
      <HoldButton
        class={now ? `${name} recording` : name}
        label={now ? `Stop: ${label}` : label}
        active={now !== null}
        onBegin={onBegin}
        onEnd={finishRecording}
      >
        <span class="record-dot" aria-hidden="true" />
        {now ? isOpening ? "Opening…" : <>Stop · {secondsOf(now)}</> : words}
      </HoldButton>
      <Meter live={now !== null} />
    </div>
  );
}

function secondsOf({ seconds, of }: { seconds: number; of: number | null }): string {
  return of === null ? `${seconds.toFixed(1)} s` : `${Math.ceil(of - seconds)} s left`;
}
