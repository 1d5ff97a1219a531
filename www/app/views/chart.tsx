/**
 * Loss and held-out score over the steps, drawn live.
 */
import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { curves, curvesVersion } from "../state/curves.js";
import { run } from "../state/run-state.js";

const HEIGHT = 220;
/** Weight of the past in the line through the losses of single batches. */
const SMOOTHING = 0.8;

export function Chart() {
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => (holder.current ? draw(holder.current) : undefined), []);
  return (
    <figure class="chart">
      <div ref={holder} class="chart-plot" role="img" aria-label={describe()} />
      <figcaption>
        <span class="key key-loss">Loss</span>
        <span class="key key-score">Score on rows held out</span>
      </figcaption>
    </figure>
  );
}

function describe(): string {
  // Read for its subscription: the sentence follows the curves, but only as often as the score does.
  const evaluations = curvesVersion.value >= 0 ? curves.scores.length : 0;
  const last = curves.scores.at(-1);
  if (evaluations === 0 || last === undefined) return "Training loss by step; no score yet.";
  return `Training loss by step, and the score on the rows held out, now ${Math.round(last * 100)} %.`;
}

/** Makes a plot that follows the curves, the width and the theme; returns what ends it. */
function draw(holder: HTMLElement): () => void {
  const themes = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) =>
    matchMedia(query),
  );
  let plot = makePlot(holder);
  let frame = 0;
  const stopFollowing = effect(() => {
    curvesVersion.value;
    run.value;
    // Events come faster than frames when steps are short.
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      plot.setData(data());
    });
  });
  const repaint = () => {
    plot.destroy();
    plot = makePlot(holder);
  };
  for (const theme of themes) theme.addEventListener("change", repaint);
  const observer = new ResizeObserver(() =>
    plot.setSize({ width: holder.clientWidth, height: HEIGHT }),
  );
  observer.observe(holder);
  return () => {
    stopFollowing();
    cancelAnimationFrame(frame);
    observer.disconnect();
    for (const theme of themes) theme.removeEventListener("change", repaint);
    plot.destroy();
  };
}

/** One x axis for all: steps and evaluations are merged, with gaps where a curve has no point. */
function data(): uPlot.AlignedData {
  const losses = new Map<number, number>();
  curves.steps.forEach((step, i) => {
    losses.set(step, curves.losses[i] ?? 0);
  });
  const scores = new Map<number, number>();
  curves.evaluated.forEach((step, i) => {
    scores.set(step, curves.scores[i] ?? 0);
  });
  const x = [...new Set([...losses.keys(), ...scores.keys()])].sort((a, b) => a - b);
  let mean: number | undefined;
  const smooth = x.map((step) => {
    const loss = losses.get(step);
    if (loss === undefined) return null;
    mean = mean === undefined ? loss : SMOOTHING * mean + (1 - SMOOTHING) * loss;
    return mean;
  });
  return [
    x,
    x.map((step) => losses.get(step) ?? null),
    smooth,
    x.map((step) => scores.get(step) ?? null),
  ];
}

function makePlot(holder: HTMLElement): uPlot {
  const style = getComputedStyle(holder);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  const options: uPlot.Options = {
    width: holder.clientWidth || 600,
    height: HEIGHT,
    padding: [12, 0, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [0, Math.max(10, stepsOfRun())] },
      loss: { range: (_, __, high) => [0, Math.max(0.1, high) * 1.05] },
      score: { range: () => [0, 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 60, size: 30 },
      {
        ...axis,
        scale: "loss",
        grid,
        size: 44,
        values: (_, ticks) => ticks.map((t) => t.toFixed(1)),
      },
      {
        ...axis,
        scale: "score",
        side: 1,
        grid: { show: false },
        size: 50,
        values: (_, ticks) => ticks.map((t) => `${Math.round(t * 100)} %`),
      },
    ],
    series: [
      {},
      {
        scale: "loss",
        stroke: colour("--loss-faint"),
        width: 1,
        points: { show: false },
        spanGaps: true,
      },
      {
        scale: "loss",
        stroke: colour("--loss"),
        width: 2,
        points: { show: false },
        spanGaps: true,
      },
      {
        scale: "score",
        stroke: colour("--score"),
        fill: "transparent",
        width: 2,
        spanGaps: true,
        points: { show: true, size: 7, fill: colour("--score"), stroke: colour("--surface") },
      },
    ],
  };
  return new uPlot(options, data(), holder);
}

/** Planned steps, kept after the run has ended. */
let planned = 0;
function stepsOfRun(): number {
  const state = run.peek();
  if (state.status === "running") planned = state.progress.steps;
  else if (state.status === "done") planned = state.event.steps;
  return Math.max(planned, curves.steps.at(-1) ?? 0);
}
