/**
 * A training run: how far it is, its curves, and how it ended.
 */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { counted, duration, metricName, score, size } from "../format/units.js";
import { curves, curvesVersion } from "../state/curves.js";
import { exportZip } from "../state/intake.js";
import { titleOf, USUAL } from "../state/plan.js";
import { cancel, pause, resume, skipComparison } from "../state/run.js";
import { type Progress, type Run, run, runNotices } from "../state/run-state.js";
import { adapter, notKept, select } from "../state/tasks.js";
import { ReportView } from "./report/report.js";

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
      {state.status === "choosing" && (
        <>
          <div class="run-line">
            <p>
              Choosing a kind for “{state.name}”
              {state.trying !== null && (
                <span class="aside">, trying {titleOf(state.trying)} on parts of the rows</span>
              )}
            </p>
            <div class="actions">
              <button type="button" class="quiet" onClick={skipComparison}>
                Take {titleOf(USUAL)} now
              </button>
              <Cancel />
            </div>
          </div>
          <progress max={1} value={state.done} aria-label="Comparison of kinds" />
        </>
      )}
      {state.status === "running" && <Running running={state} />}
      {runNotices.value.map(({ about, message }) => (
        <p key={about} class="notice">
          {message}
        </p>
      ))}
      {curvesVersion.value >= 0 && curves.steps.length > 0 && Chart && <Chart />}
      <div role="status">
        {state.status === "cancelled" && <p>Training of “{state.name}” was cancelled.</p>}
        {state.status === "done" && <Done done={state} />}
      </div>
      {state.status === "done" && <ReportView key={state.name} done={state} />}
      {state.status === "failed" && (
        <p class="trouble" role="alert">
          {state.sentence}
        </p>
      )}
    </section>
  );
}

function Done({ done }: { done: Extract<Run, { status: "done" }> }) {
  const { name, event, seconds, planned } = done;
  const info = adapter.value?.name === name ? adapter.value : undefined;
  return (
    <div class="run-done">
      <p class="run-title">“{name}” is ready.</p>
      <p>
        It learned from {counted(event.trainRows, "row")} in {Math.round(seconds)} s
        {info && ` and weighs ${size(info.bytes)}`}. It stands in the dropdown
        {notKept.value.has(name) ? " until this tab is closed" : " and stays in this browser"}.
        {event.epochs < planned &&
          ` Training ended early, after ${event.epochs} of ${planned} epochs: the score on the rows held out had stopped rising.`}
      </p>
      <div class="actions">
        <button type="button" class="solid" onClick={() => tryIt(name)}>
          Try it
        </button>
        <button type="button" class="quiet" onClick={() => void exportZip(name)}>
          Download
        </button>
      </div>
    </div>
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
    <button type="button" class="quiet" onClick={() => void cancel()}>
      Cancel
    </button>
  );
}

function Running({ running }: { running: Extract<Run, { status: "running" }> }) {
  const { name, paused } = running;
  const { step, steps, epoch, epochs, loss, metric, score: reached } = running.progress;
  return (
    <>
      <div class="run-line">
        <p>
          {paused ? `Training of “${name}” is paused` : `Training “${name}”`}
          {!paused && <span class="aside">{howFar(running.progress)}</span>}
        </p>
        <div class="actions">
          <button type="button" class="quiet" onClick={() => void (paused ? resume() : pause())}>
            {paused ? "Go on" : "Pause"}
          </button>
          <Cancel />
        </div>
      </div>
      <progress max={steps} value={step} aria-label="Training progress" />
      <p class="figures" data-testid="run-figures">
        Step {step} of {steps} · epoch {epoch} of {epochs}
        {loss !== null && ` · loss ${loss.toFixed(3)}`}
        {reached !== null && ` · held-out ${metricName(metric ?? undefined)} ${score(reached)}`}
      </p>
    </>
  );
}

function howFar({ evaluating, left }: Progress): string {
  if (evaluating) return ", judging it on the rows held out";
  return left === null ? "" : `, ${duration(left)} left`;
}
