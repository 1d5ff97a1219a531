/** What a test of the client begins with: a client whose workers are fakes, and rows to learn from. */
import { expect } from "vitest";
import { Graftlet, GraftletError, type Row } from "../index.js";
import { FakeCaches } from "./fake-caches.js";
import { Engine as FakeEngine } from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

export const BACKBONE = "https://graftlet.test/models/minilm-l6";
export const ROWS: Row[] = [
  { text: "where is my parcel", label: "delivery" },
  { text: "the parcel is late", label: "delivery" },
  { text: "give me my money back", label: "refund" },
  { text: "money back please", label: "refund" },
];

export function load(
  options: Partial<Parameters<typeof Graftlet.load>[0]> = {},
): Promise<Graftlet> {
  const worker = () => new FakeWorker() as unknown as Worker;
  return Graftlet.load({ backbone: BACKBONE, worker, ...options });
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GraftletError);
  return (error as GraftletError).code;
}

/** As if nothing had been loaded before. */
export function reset(): void {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  FakeEngine.stepMs = 0;
}
