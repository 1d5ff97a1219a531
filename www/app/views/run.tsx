/**
 * A training run: how far it is, its curves, and how it ended.
 */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { counted, duration, score, size } from "../format/units.js";
import { exportZip } from "../state/intake.js";
import { cancel, type Progress, run } from "../state/lesson.js";
import { adapter, select } from "../state/tasks.js";

/** The chart brings a plotting library along, which only those who train need. */
function useChart(): FunctionComponent | null {
  const [chart, setChart] = useState<{ Chart: FunctionComponent } | null>(null);
  useEffect(() => {
    void import("./chart.js").then(setChart);
  }, []);
  return chart?.Chart ?? null;
}

export function RunView() {
  const Chart = useChart();
  const state = run.value;
  if (state.status === "idle") return null;
  return (
    <section class="run" aria-label="Training run">
      {state.status === "starting" && (
        <div class="run-line">
          <p>Starting a second engine for “{state.name}”…</p>
          <Cancel />
        </div>
      )}
      {state.status === "running" && <Running progress={state.progress} name={state.name} />}
      {state.status !== "starting" && Chart && <Chart />}
      <div role="status">
        {state.status === "cancelled" && <p>Training of “{state.name}” was cancelled.</p>}
        {state.status === "done" && (
          <div class="run-done">
            <p class="run-title">“{state.name}” is ready.</p>
            <p>
              It got {score(state.event.score)} {state.event.metric} on{" "}
              {counted(state.event.devRows, "row")} it had not seen, after{" "}
              {counted(state.event.trainRows, "row")} and {Math.round(state.seconds)} s of training
              {adapter.value?.name === state.name && `, and weighs ${size(adapter.value.bytes)}`}.
              It stands in the dropdown and stays in this browser.
            </p>
            <div class="actions">
              <button type="button" class="solid" onClick={() => tryIt(state.name)}>
                Try it
              </button>
              <button type="button" class="quiet" onClick={() => void exportZip(state.name)}>
                Download
              </button>
            </div>
          </div>
        )}
      </div>
      {state.status === "failed" && (
        <p class="trouble" role="alert">
          {state.sentence}
        </p>
      )}
    </section>
  );
}

function tryIt(name: string): void {
  void select(name);
  const box = document.getElementById("text");
  box?.scrollIntoView({ block: "center" });
  box?.focus({ preventScroll: true });
}

function Cancel() {
  return (
    <button type="button" class="quiet" onClick={cancel}>
      Cancel
    </button>
  );
}

function Running({ name, progress }: { name: string; progress: Progress }) {
  const { step, steps, epoch, epochs, loss, metric, score: reached, left, evaluating } = progress;
  return (
    <>
      <div class="run-line">
        <p>
          Training “{name}”
          <span class="aside">
            {evaluating
              ? ", judging it on the rows held out"
              : left === null
                ? ""
                : `, ${duration(left)} left`}
          </span>
        </p>
        <Cancel />
      </div>
      <progress max={steps} value={step} aria-label="Training progress" />
      <p class="figures" data-testid="run-figures">
        Step {step} of {steps} · epoch {epoch} of {epochs}
        {loss !== null && ` · loss ${loss.toFixed(3)}`}
        {reached !== null && ` · held-out ${metric} ${score(reached)}`}
      </p>
    </>
  );
}
