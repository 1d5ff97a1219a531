/**
 * A training run: how far it is, its curves, and how it ended.
 */
import type { FunctionComponent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Eta } from "../format/eta.js";
import { counted, duration, metricName, score, size } from "../format/units.js";
import { curves, curvesVersion } from "../state/curves.js";
import { exportZip } from "../state/intake.js";
import { titleOf, USUAL } from "../state/plan.js";
import { cancel, pause, resume, skipComparison } from "../state/run.js";
import { busy, type Progress, type Run, run, runNotices } from "../state/run-state.js";
import { adapter, notKept, select } from "../state/tasks.js";
import { arriveAt, arriveFrom, Heading } from "./heading.js";
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
  useTurning(state.status);
  if (state.status === "idle") return null;
  const drawn = curvesVersion.value >= 0 && curves.steps.length > 0;
  return (
    <section
      class={busy.value ? "run tall under-way" : state.status === "done" ? "run tall" : "run"}
      aria-label="Training run"
    >
      {(state.status === "starting" ||
        state.status === "choosing" ||
        state.status === "running") && <UnderWay state={state} />}
      {runNotices.value.map(({ about, message }) => (
        <p key={about} class="notice">
          {message}
        </p>
      ))}
      {/* Drawn anew at the end, where it stands elsewhere: a chart that moved would be a jump. */}
      {drawn && Chart && <Chart key={busy.value ? "live" : "ended"} />}
      <div role="status">
        {state.status === "cancelled" && (
          <Heading id="run-end">Training of “{state.name}” was cancelled.</Heading>
        )}
        {state.status === "done" && <Done done={state} />}
      </div>
      {state.status === "done" && <ReportView key={state.name} done={state} />}
      {state.status === "failed" && (
        <div class="trouble" role="alert">
          <Heading id="run-end" class="plain">
            {state.sentence}
          </Heading>
        </div>
      )}
    </section>
  );
}

/** Turns to the run when it starts, and to its end unless the visitor is busy elsewhere by then. */
function useTurning(status: Run["status"]): void {
  useEffect(() => {
    if (status === "starting") arriveAt("run-title");
    else if (status === "done" || status === "cancelled" || status === "failed") {
      arriveFrom("#teach", "run-end");
    }
  }, [status]);
}

type Busy = Extract<Run, { status: "starting" | "choosing" | "running" }>;

/** One frame for all that a run goes through: what is on show changes, but nothing moves. */
function UnderWay({ state }: { state: Busy }) {
  const choosing = state.status === "choosing" ? state : null;
  const running = state.status === "running" ? state : null;
  const left = useTimeLeft(choosing?.done ?? null);
  return (
    <>
      <div class="run-line">
        <Heading id="run-title" class="plain">
          {state.status === "starting" &&
            (state.read
              ? `Reading the examples of “${state.name}”`
              : `Starting a second engine for “${state.name}”…`)}
          {choosing && `Choosing a kind for “${state.name}”`}
          {running &&
            (running.paused ? `Training of “${state.name}” is paused` : `Training “${state.name}”`)}
          {choosing && choosing.trying !== null && (
            <span class="aside">, trying {titleOf(choosing.trying)} on parts of the rows</span>
          )}
          {running && !running.paused && <span class="aside">{howFar(running.progress)}</span>}
        </Heading>
        <div class="actions">
          {choosing && (
            <button type="button" class="quiet" onClick={skipComparison}>
              Take {titleOf(USUAL)} now
            </button>
          )}
          {running && (
            <button
              type="button"
              class="quiet"
              onClick={() => void (running.paused ? resume() : pause())}
            >
              {running.paused ? "Go on" : "Pause"}
            </button>
          )}
          <Cancel />
        </div>
      </div>
      <Bar state={state} />
      <p class="figures" data-testid="run-figures">
        {running ? figuresOf(running.progress) : choosing ? shareOf(choosing.done, left) : "\u00a0"}
      </p>
    </>
  );
}

function Bar({ state }: { state: Busy }) {
  if (state.status === "choosing") {
    return <progress max={1} value={state.done} aria-label="Comparison of kinds" />;
  }
  if (state.status === "starting") {
    const { read } = state;
    if (!read) return <progress aria-label="The run is starting" />;
    return <progress max={read.total} value={read.done} aria-label="Examples read" />;
  }
  const { step, steps } = state.progress;
  // A head alone is fitted without steps.
  if (steps === 0) return <progress aria-label="The head is fitted" />;
  return <progress max={steps} value={step} aria-label="Training progress" />;
}

/** Steps that a share is counted in for the estimate. */
const PARTS = 1000;

/** Seconds that a comparison of which `done` is done will still take; null while there is too little to go by. */
function useTimeLeft(done: number | null): number | null {
  const eta = useRef<Eta | null>(null);
  if (done === null) {
    eta.current = null;
    return null;
  }
  eta.current ??= new Eta();
  return eta.current.mark(Math.round(done * PARTS), PARTS, performance.now());
}

function shareOf(done: number, left: number | null): string {
  const share = `${Math.floor(done * 100)} % compared`;
  return left === null ? share : `${share} · ${duration(left)} left`;
}

function Done({ done }: { done: Extract<Run, { status: "done" }> }) {
  const { name, event, seconds, planned } = done;
  const info = adapter.value?.name === name ? adapter.value : undefined;
  return (
    <div class="run-done">
      <Heading id="run-end" class="run-title">
        “{name}” is ready.
      </Heading>
      <p>
        It learned from {counted(event.trainRows, "row")} in {Math.round(seconds)} s
        {info && ` and weighs ${size(info.bytes)}`}. It stands in the dropdown
        {notKept.value.has(name) ? " until this tab is closed" : " and stays in this browser"}.
        {event.steps > 0 &&
          event.epochs < planned &&
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
  const box = document.getElementById("text") ?? document.getElementById("task");
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

function figuresOf({ step, steps, epoch, epochs, loss, metric, score: reached }: Progress): string {
  return [
    ...(steps === 0 ? [] : [`Step ${step} of ${steps}`]),
    ...(epochs === 0 ? [] : [`epoch ${epoch} of ${epochs}`]),
    ...(loss === null ? [] : [`loss ${loss.toFixed(3)}`]),
    ...(reached === null ? [] : [`held-out ${metricName(metric ?? undefined)} ${score(reached)}`]),
  ].join(" · ");
}

function howFar({ doing, left, steps }: Progress): string {
  if (doing === "judging") return ", judging it on the rows held out";
  if (doing === "something else" && steps === 0) return ", fitting the head";
  return left === null ? "" : `, ${duration(left)} left`;
}
