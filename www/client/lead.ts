/**
 * The loop of a training run, in the worker that leads it.
 */
import type { Crew } from "./crew.js";
import type { EngineEvent, Training } from "./engine.js";
import type { ErrorShape } from "./errors.js";
import type { Gate } from "./gate.js";
import type { Progress, RunRecord } from "./kept.js";
import type { AdapterFiles, TrainEvent, TrainReport } from "./types.js";

export interface Led {
  name: string;
  training: Training;
  crew: Crew;
  gate: Gate;
  /** Absent where the run is not kept. */
  record: RunRecord | undefined;
  /** Where a run that goes on was. */
  progress: Progress | undefined;
  emit(event: TrainEvent): void;
  /** Why something could not be kept. */
  explain(thrown: unknown): Promise<ErrorShape>;
  /** Bytes of the engine's memory. */
  memory(): number;
}

/** Longest time of work that a closed tab may cost, beside the time of one evaluation. */
const KEEP_EVERY_MS = 60_000;

/** Runs to the end; answers with the finished adapter's folder. */
export async function lead(run: Led): Promise<AdapterFiles> {
  const { training, crew, gate, emit } = run;
  const keep = keeper(run);
  gate.enter();
  try {
    for (;;) {
      if (gate.closed) await keep(undefined);
      await gate.pass();
      const event = await crew.round(training);
      if (event.type === "done") return finish(run, event);
      // Kept first: what the page has heard of is not lost when it is closed.
      await keep(event);
      emit(event);
      await nextTask();
    }
  } finally {
    gate.leave();
    crew.dismiss();
  }
}

function finish(
  { name, training, crew, emit, memory }: Led,
  event: Extract<EngineEvent, { type: "done" }>,
): AdapterFiles {
  // of a run that is over there is a report
  const report = training.report() as TrainReport;
  const files = training.adapterFiles();
  emit({ ...event, name, report, workers: crew.workers, memory: memory() });
  return files;
}

/**
 * Keeps the run: after an epoch, now and then, and when nothing is done anyway. A full disk is told once, and then the
 * run goes on unkept.
 */
function keeper({ training, record, progress, emit, explain }: Led) {
  let kept = Date.now();
  let at: Progress = progress ?? { epoch: 0, epochs: 0 };
  let broken = record === undefined;
  return async (event: EngineEvent | undefined): Promise<void> => {
    if (event?.type === "eval") at = { epoch: event.epoch, epochs: event.epochs };
    else if (event?.type === "step") at = { ...at, epochs: event.epochs };
    const due = !event || event.type === "eval" || Date.now() - kept >= KEEP_EVERY_MS;
    if (broken || !due) return;
    try {
      await record?.save(training.checkpoint(), at);
    } catch (thrown) {
      broken = true;
      emit({ type: "notice", about: "checkpoint", ...(await explain(thrown)) });
    }
    kept = Date.now();
  };
}

/** Lets waiting messages in. A message to oneself, as timers are held back to 4 ms once they nest. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
