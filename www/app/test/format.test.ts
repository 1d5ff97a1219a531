import { describe, expect, it } from "vitest";
import { Eta } from "../format/eta.js";
import { counted, duration, megabytes, probability, score, share, size } from "../format/units.js";
import { Latest } from "../state/latest.js";

describe("units", () => {
  it("read as people write them", () => {
    expect(megabytes(12_345_678)).toBe("12.3");
    expect(size(312_345)).toBe("312 KB");
    expect(size(1_200_000)).toBe("1.2 MB");
    expect(size(10_737_400_000)).toBe("10.7 GB");
    expect(counted(1, "row")).toBe("1 row");
    expect(counted(1200, "class", "classes")).toBe("1,200 classes");
    expect(score(0.884)).toBe(".884");
    expect(score(1)).toBe("1.000");
    expect(share(0.00332)).toBe("0.33 %");
    expect(duration(37)).toBe("about 40 s");
    expect(duration(200)).toBe("about 3 min");
  });

  it("never round a probability to certainty", () => {
    expect(probability(0.9999)).toBe("> 99 %");
    expect(probability(0.0001)).toBe("< 1 %");
    expect(probability(0.5)).toBe("50 %");
  });
});

describe("Eta", () => {
  it("says nothing at first and then extrapolates the steps", () => {
    const eta = new Eta();
    expect(eta.mark(1, 100, 0)).toBeNull();
    expect(eta.mark(2, 100, 500)).toBeNull();
    expect(eta.mark(3, 100, 1000)).toBeCloseTo(48.5);
  });

  it("counts the time of evaluations in", () => {
    const eta = new Eta();
    for (let step = 1; step <= 10; step += 1) eta.mark(step, 20, step * 100);
    expect(eta.mark(10, 20, 1900)).toBeCloseTo(2);
  });

  it("ends at nothing left", () => {
    const eta = new Eta();
    for (let step = 1; step <= 4; step += 1) eta.mark(step, 4, step * 100);
    expect(eta.mark(4, 4, 450)).toBe(0);
  });

  it("forgets a slow start", () => {
    const eta = new Eta();
    eta.mark(1, 1000, 0);
    let left: number | null = null;
    for (let step = 2; step <= 100; step += 1) left = eta.mark(step, 1000, 60_000 + step * 10);
    expect(left).toBeCloseTo(9);
  });
});

describe("Latest", () => {
  it("runs one job at a time and skips all but the newest", async () => {
    const ran: number[] = [];
    const latest = new Latest();
    let release = () => {};
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    latest.run(async () => {
      await first;
      ran.push(1);
    });
    latest.run(async () => {
      ran.push(2);
    });
    latest.run(async () => {
      ran.push(3);
    });
    release();
    await new Promise((resolve) => setTimeout(resolve));
    expect(ran).toEqual([1, 3]);
  });
});
