import { expect, it } from "vitest";
import { Crew, follow } from "../crew.js";
import type { Computed, EngineEvent, Share, Training } from "../engine.js";
import type { ErrorShape } from "../errors.js";

const PATIENCE = { times: 1, atLeastMs: 30 };

/** Adds up the numbers of rows that it is told to learn from. */
class Sum {
  readonly computed: number[] = [];
  applied: number[][] = [];

  plan(workers: number): Share[] {
    return Array.from({ length: workers }, (_, worker) => ({
      learn: { step: this.applied.length, rows: [worker], weight: 1 },
    }));
  }

  compute(share: Share): Computed {
    const [row = -1] = "learn" in share ? share.learn.rows : [];
    this.computed.push(row);
    return Uint8Array.of(row);
  }

  apply(computed: readonly Computed[]): EngineEvent {
    this.applied.push(computed.map(([row = -1]) => row));
    return { type: "evaluating", done: 0, total: 1, step: 0, steps: 1 };
  }

  parameters(): Float32Array {
    return new Float32Array(1);
  }

  setParameters(): void {}
}

const training = (sum: Sum) => sum as unknown as Training;

it("goes on without a follower that no longer answers, and loses no work", async () => {
  const lost: ErrorShape[] = [];
  const [answering, silent] = [new MessageChannel(), new MessageChannel()];
  const follower = new Sum();
  follow(answering.port2, training(follower));
  const crew = new Crew([answering.port1, silent.port1], (error) => lost.push(error), PATIENCE);
  const leader = new Sum();
  expect(crew.workers).toBe(3);

  await crew.round(training(leader));
  expect(lost).toMatchObject([{ code: "worker_failed" }]);
  expect(crew.workers).toBe(2);
  expect(leader.computed).toEqual([0, 2]);
  expect(follower.computed).toEqual([1]);

  await crew.round(training(leader));
  expect(leader.applied).toEqual([
    [0, 1, 2],
    [0, 1],
  ]);
  expect(lost).toHaveLength(1);
  crew.dismiss();
  answering.port2.close();
  silent.port2.close();
});
