import { describe, expect, it } from "vitest";
import { fromShape, GraftletError, toShape } from "../errors.js";
import { progressGuard } from "../progress.js";
import type { LoadProgress } from "../types.js";
import { engineError } from "./fake-engine.js";

describe("an error's way between worker and page", () => {
  it("keeps code and sentence through structured cloning", () => {
    const shape = structuredClone(
      toShape(engineError("tensor_shape", "Tensor query is [8, 768].")),
    );
    const error = fromShape(shape);
    expect(error).toBeInstanceOf(GraftletError);
    expect(error).toMatchObject({
      name: "GraftletError",
      code: "tensor_shape",
      message: "Tensor query is [8, 768].",
    });
  });

  it.each([
    ["no adapter is in use: add one", "No adapter is in use: add one."],
    ["adapter_config.json is truncated", "adapter_config.json is truncated."],
    ["http://x/y could not be fetched: 404", "http://x/y could not be fetched: 404."],
    ["The disk is full.", "The disk is full."],
  ])("makes a sentence of %s", (message, told) => {
    expect(toShape(engineError("internal", message)).message).toBe(told);
  });

  it("makes any other thrown value a trap, but for what browsers and JSON throw", () => {
    expect(toShape(new TypeError("x is undefined")).code).toBe("engine_trapped");
    expect(toShape("panicked").message).toContain("panicked");
    expect(toShape(new SyntaxError("Unexpected token")).code).toBe("internal");
    expect(toShape(new DOMException("Quota exceeded")).code).toBe("internal");
  });
});

describe("a message", () => {
  const message = (text: string) => new GraftletError("internal", text).message;

  it("has no control characters, whatever it names", () => {
    expect(message("“\u001b[31mred\u0007” is\nno name")).toBe(
      "“\\u001b[31mred\\u0007” is\\u000ano name",
    );
    expect(message("a\u202eb\u2028c\u009bd\u007f")).toBe("a\\u202eb\\u2028c\\u009bd\\u007f");
    expect(message("half \ud83d of one")).toBe("half \\ud83d of one");
    expect(message("中文 😀 é")).toBe("中文 😀 é");
  });

  it("has at most 400 characters, its end among them", () => {
    for (const middle of ["x", "😀", "\u001b"]) {
      for (const count of [300, 399, 1000, 2_000_000]) {
        const told = message(`begin ${middle.repeat(count)}: do this instead`);
        expect([...told].length).toBeLessThanOrEqual(400);
        expect(told).toMatch(/^begin /);
        expect(told).toMatch(/: do this instead$/);
      }
    }
    expect(message("y".repeat(400))).toBe("y".repeat(400));
  });
});

describe("progressGuard", () => {
  function collect(reports: { loaded: number; total: number }[]): LoadProgress[] {
    const events: LoadProgress[] = [];
    const guard = progressGuard((event) => events.push(event));
    for (const report of reports) {
      guard.report({ file: "model.safetensors", received: 0, ...report });
    }
    guard.finish();
    return events;
  }

  it("drops what would fall and holds the first total", () => {
    const events = collect([
      { loaded: 10, total: 100 },
      { loaded: 5, total: 100 },
      { loaded: 120, total: 150 },
    ]);
    expect(events.map(({ loaded }) => loaded)).toEqual([10, 100, 100]);
    expect(events.every(({ total }) => total === 100)).toBe(true);
  });

  it("tells speed and time left of what comes over the network", () => {
    let now = 0;
    const events: LoadProgress[] = [];
    const guard = progressGuard(
      (event) => events.push(event),
      () => now,
    );
    const total = 10_000;
    // 2,000 bytes were kept; the rest comes with 100 bytes a second.
    for (let received = 0; received <= 8000; received += 100) {
      guard.report({ file: "model.safetensors", loaded: 2000 + received, total, received });
      now += 1000;
    }
    const downloads = events.filter((event) => event.type === "download");
    expect(downloads[0]).toMatchObject({ bytesPerSecond: null, secondsLeft: null });
    expect(downloads[20]).toMatchObject({ loaded: 4000, bytesPerSecond: 100, secondsLeft: 60 });
    expect(downloads.at(-1)).toMatchObject({ loaded: total, secondsLeft: 0 });
  });

  it("forgets a speed that is long ago", () => {
    let now = 0;
    const events: LoadProgress[] = [];
    const guard = progressGuard(
      (event) => events.push(event),
      () => now,
    );
    let received = 0;
    const step = (bytes: number) => {
      received += bytes;
      now += 1000;
      guard.report({ file: "x", loaded: received, total: 1_000_000, received });
    };
    for (let i = 0; i < 10; i += 1) step(10_000);
    for (let i = 0; i < 10; i += 1) step(100);
    expect(events.at(-1)).toMatchObject({ bytesPerSecond: 100 });
  });

  it("ends at the total when nothing was reported", () => {
    expect(collect([])).toEqual([{ type: "ready", loaded: 0, total: 0 }]);
  });
});
