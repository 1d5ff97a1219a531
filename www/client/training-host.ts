/**
 * What a worker of a training run answers, whether it leads or follows.
 */
import { Crew, follow } from "./crew.js";
import type { Engine, EngineModule, Rows, Training } from "./engine.js";
import { type ErrorShape, GraftletError } from "./errors.js";
import { Gate } from "./gate.js";
import type { Handlers } from "./host.js";
import { type KeptRun, keptRows, type Progress, RunRecord } from "./kept.js";
import { lead } from "./lead.js";
import type { Store } from "./store.js";

interface Needs {
  module: EngineModule;
  engine(): Engine;
  runs(): Promise<Store>;
  /** Why something could not be kept. */
  explain(thrown: unknown): Promise<ErrorShape>;
  /** Bytes of the engine's memory. */
  memory(): number;
}

type TrainingMethod =
  | "openRun"
  | "reopenRun"
  | "addRows"
  | "addKeptRows"
  | "prepare"
  | "suggest"
  | "follow"
  | "train"
  | "loseFollower"
  | "pause"
  | "resume";

export function trainingHandlers(needs: Needs): Pick<Handlers, TrainingMethod> {
  const { module, engine, runs, explain, memory } = needs;
  const gate = new Gate();
  let rows: Rows | undefined;
  let record: RunRecord | undefined;
  /** Why the run is not kept, though it should be. */
  let unkept: ErrorShape | undefined;
  let prepared: { run: KeptRun; training: Training; progress: Progress | undefined } | undefined;
  let crew: Crew | undefined;

  const push = (lines: Uint8Array) => {
    rows ??= new module.Rows();
    rows.push(lines);
  };
  /** A run that cannot be kept goes on all the same. */
  const keep = async (work: () => Promise<void> | undefined) => {
    try {
      await work();
    } catch (thrown) {
      unkept = await explain(thrown);
      await record?.discard().catch(() => {});
      record = undefined;
    }
  };
  const addKeptRows = async (name: string) => {
    for await (const lines of keptRows(await runs(), name)) push(lines);
  };
  /** What the engine refuses is not kept. */
  const begun = async (start: () => Training): Promise<Training> => {
    try {
      return start();
    } catch (thrown) {
      await record?.discard();
      throw thrown;
    }
  };
  const ready = () => {
    if (!prepared) throw new GraftletError("internal", "The run is not prepared yet.");
    return prepared;
  };

  return {
    openRun: (_, name) =>
      keep(async () => {
        record = await RunRecord.begin(await runs(), name);
      }),
    async reopenRun(_, name) {
      const taken = await RunRecord.take(await runs(), name);
      record = taken.record;
      await addKeptRows(name);
      return taken.run;
    },
    async addRows(_, lines) {
      push(lines);
      await keep(() => record?.addRows(lines));
    },
    addKeptRows: (_, name) => addKeptRows(name),
    async prepare(_, run) {
      const { workers: __, ...options } = run.options;
      const checkpoint = await record?.checkpoint();
      // The engine uses the rows up.
      const taken = rows ?? new module.Rows();
      rows = undefined;
      const training = await begun(() => engine().startTraining(options, taken, checkpoint));
      await keep(() => record?.complete(run));
      prepared = { run, training, progress: await record?.progress() };
    },
    async suggest(emit, options) {
      const suggesting = engine().startSuggesting(options, rows ?? new module.Rows());
      rows = undefined;
      for (;;) {
        const event = suggesting.step();
        if (event.type === "done") return event.suggestion;
        emit(event);
      }
    },
    follow: (_, port) => follow(port, ready().training),
    async train(emit, ports) {
      const { run, training, progress } = ready();
      if (unkept) emit({ type: "notice", about: "checkpoint", ...unkept });
      crew = new Crew(ports, (error) => emit({ type: "notice", about: "workers", ...error }));
      const { name } = run.options;
      return lead({ name, training, crew, gate, record, progress, emit, explain, memory });
    },
    loseFollower: (_, index, error) => crew?.lose(index, error),
    pause: () => gate.close(),
    resume: () => gate.open(),
  };
}
