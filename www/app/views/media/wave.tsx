/**
 * A sound as a drawing, and how loud the microphone is.
 */
import { useMemo } from "preact/hooks";
import { peaks, type Samples } from "../../media/sound.js";
import { level } from "../../state/media/microphone.js";

const COLUMNS = 56;
const HEIGHT = 24;
/** A drawing of silence is a line. */
const LEAST = 0.03;

export function Wave({ sound }: { sound: Samples }) {
  const path = useMemo(() => {
    const heights = peaks(sound, COLUMNS);
    const highest = Math.max(0.05, ...heights);
    return heights
      .map((height, at) => {
        const half = (Math.max(LEAST, height / highest) * HEIGHT) / 2;
        return `M${at + 0.5} ${(HEIGHT / 2 - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
      })
      .join("");
  }, [sound]);
  return (
    <svg
      class="wave"
      viewBox={`0 0 ${COLUMNS} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}

export function Meter({ live }: { live: boolean }) {
  return (
    <span class="meter" aria-hidden="true">
      <span class="meter-fill" style={{ transform: `scaleX(${live ? level.value : 0})` }} />
    </span>
  );
}
