import { afterEach, expect, it, vi } from "vitest";
import { BROKEN, DeskWorker } from "../rows/desk.js";

afterEach(() => vi.unstubAllGlobals());

it("starts another worker after one broke, and only then", () => {
  const started: { ended: boolean }[] = [];
  vi.stubGlobal(
    "Worker",
    class {
      ended = false;
      constructor() {
        started.push(this);
      }
      addEventListener() {}
      postMessage() {}
      terminate() {
        this.ended = true;
      }
    },
  );
  const worker = new DeskWorker();
  const first = worker.desk;
  expect(worker.desk).toBe(first);
  worker.failed(new Error("This file is empty: there are no rows in it."));
  expect(worker.desk).toBe(first);

  worker.failed(Object.assign(new Error("gave up"), { name: BROKEN }));
  expect(started.map(({ ended }) => ended)).toEqual([true]);
  expect(worker.desk).not.toBe(first);
  expect(started.map(({ ended }) => ended)).toEqual([true, false]);
});
