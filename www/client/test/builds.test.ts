import { afterEach, describe, expect, it, vi } from "vitest";
import { BUILDS, chooseBuild, probe, runs } from "../builds.js";
import { GraftletError } from "../errors.js";
import type { EngineBuild } from "../types.js";

/** A browser that runs these builds. */
function browserRuns(...builds: EngineBuild[]): void {
  const taken = builds.map((build) => String(probe(build)));
  vi.spyOn(WebAssembly, "validate").mockImplementation((module) => taken.includes(String(module)));
}

function refusal(wanted: EngineBuild | null): GraftletError {
  try {
    chooseBuild(wanted);
  } catch (error) {
    if (error instanceof GraftletError) return error;
  }
  throw new Error("no GraftletError was thrown");
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("a probe", () => {
  it("is taken exactly where its instruction is", () => {
    const [major = 0, minor = 0] = process.versions.v8.split(".").map(Number);
    expect(runs("simd128")).toBe(true);
    expect(runs("relaxed")).toBe(major > 11 || (major === 11 && minor >= 4));
  });

  it("is refused when its instruction is none", () => {
    const broken = probe("simd128");
    broken[broken.length - 2] = 0x9a; // no opcode
    expect(WebAssembly.validate(broken)).toBe(false);
  });
});

describe("chooseBuild", () => {
  it("takes the better build that the browser runs", () => {
    browserRuns("simd128", "relaxed");
    expect(chooseBuild(null)).toBe("relaxed");
    browserRuns("simd128");
    expect(chooseBuild(null)).toBe("simd128");
  });

  it("takes the wanted one", () => {
    browserRuns("simd128", "relaxed");
    for (const build of BUILDS) expect(chooseBuild(build)).toBe(build);
  });

  it("refuses a wanted one that the browser does not run, and says what does", () => {
    browserRuns("simd128");
    const { code, message } = refusal("relaxed");
    expect(code).toBe("simd_unsupported");
    expect(message).toContain("leave `build` out");
  });

  it("refuses one that there is not", () => {
    expect(refusal("avx512" as EngineBuild).code).toBe("option_invalid");
  });

  it.each([null, ...BUILDS])(
    "names the browsers that would do where nothing runs (%s)",
    (wanted) => {
      browserRuns();
      const { code, message } = refusal(wanted);
      expect(code).toBe("simd_unsupported");
      for (const browser of ["Chrome", "Edge", "Firefox", "Safari"])
        expect(message).toContain(browser);
    },
  );

  it("needs no WebAssembly to say so", () => {
    vi.stubGlobal("WebAssembly", undefined);
    expect(refusal(null).code).toBe("simd_unsupported");
  });
});
