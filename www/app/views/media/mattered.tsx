/**
 * Shows which parts of a picture its answer depends on, when the visitor asks for it.
 */
import type { LabelForm } from "graftlet";
import { useEffect, useRef, useState } from "preact/hooks";
import { probability } from "../../format/units.js";
import { GRID } from "../../media/occlusion.js";
import { sentenceOf } from "../../state/engine.js";
import { type Mattered, mattering } from "../../state/media/mattered.js";

interface Props {
  picture: Blob;
  task: string;
  answer: LabelForm;
}

type State =
  | { status: "idle" }
  | { status: "looking"; share: number }
  | { status: "done"; found: Mattered }
  | { status: "failed"; sentence: string };

/** A fall of less than this is no reason: the next label has come hardly nearer. */
const LEAST_FALL = 0.1;

export function MatteredView({ picture, task, answer }: Props) {
  const [state, setState] = useState<State>({ status: "idle" });
  const look = async () => {
    setState({ status: "looking", share: 0 });
    try {
      const told = (share: number) => setState({ status: "looking", share });
      const found = await mattering(picture, task, answer, told);
      setState({ status: "done", found });
    } catch (error) {
      setState({ status: "failed", sentence: sentenceOf(error) });
    }
  };
  switch (state.status) {
    case "idle":
      return (
        <button type="button" class="link" onClick={() => void look()}>
          Which parts mattered?
        </button>
      );
    case "looking":
      return <progress max={1} value={state.share} aria-label="Parts looked at" />;
    case "failed":
      return <p class="trouble">{state.sentence}</p>;
    case "done":
      return <Found picture={picture} label={answer.label} found={state.found} />;
  }
}

interface FoundProps {
  picture: Blob;
  label: string;
  found: Mattered;
}

function Found({ picture, label, found: { falls, without } }: FoundProps) {
  const most = Math.max(...falls);
  const matters = most >= LEAST_FALL;
  return (
    <div class="mattered">
      {matters && <Covered picture={picture} falls={falls} most={most} />}
      <p class="hint">
        {matters
          ? `Each of ${GRID * GRID} squares was covered in turn. The brighter a square, the nearer another label came to “${label}” without it. Without the brightest, “${label}” scores ${probability(without)}.`
          : `Each of ${GRID * GRID} squares was covered in turn, and no other label came nearer to “${label}”: no single part decides.`}
      </p>
    </div>
  );
}

const SIDE = 224;
/** How dark a square is without which nothing changes. */
const DARKEST = 0.8;

function Covered({ picture, falls, most }: { picture: Blob; falls: number[]; most: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    void createImageBitmap(picture).then((bitmap) => {
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (element && context) {
        const scale = SIDE / Math.max(bitmap.width, bitmap.height);
        element.width = bitmap.width * scale;
        element.height = bitmap.height * scale;
        const { width, height } = element;
        context.drawImage(bitmap, 0, 0, width, height);
        for (const [at, fall] of falls.entries()) {
          const [x, y] = [((at % GRID) * width) / GRID, (Math.floor(at / GRID) * height) / GRID];
          context.fillStyle = `rgb(10 15 12 / ${DARKEST * (1 - fall / most)})`;
          context.fillRect(x, y, width / GRID, height / GRID);
        }
      }
      bitmap.close();
    });
  }, [picture, falls, most]);
  return <canvas ref={canvas} class="mattered-picture" role="img" aria-label="What mattered" />;
}
