/**
 * The engine is built twice, since a browser takes a whole module or refuses it: which of the two runs is found out here,
 * before either is downloaded.
 */
import { GraftletError } from "./errors.js";
import type { EngineBuild } from "./types.js";

/** Every build, the better one first. */
export const BUILDS: readonly EngineBuild[] = ["relaxed", "simd128"];

const V128 = 0x7b;
const OPERANDS = { simd128: 1, relaxed: 3 };
/** One instruction of each: the last that was added to SIMD128, and the one for which the relaxed build exists. */
const INSTRUCTION = {
  simd128: [0xfd, 0x62], // i8x16.popcnt
  relaxed: [0xfd, 0x85, 0x02], // f32x4.relaxed_madd
};

/** A module of one function, which does the build's instruction with its arguments. */
export function probe(build: EngineBuild): Uint8Array<ArrayBuffer> {
  const operands = Array.from({ length: OPERANDS[build] }, (_, i) => i);
  const type = [0x60, ...vector(operands.map(() => V128)), ...vector([V128])];
  const getOperands = operands.flatMap((index) => [0x20, index]); // local.get
  const body = [0, ...getOperands, ...INSTRUCTION[build], 0x0b]; // no locals … end
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [1, ...type]),
    ...section(3, [1, 0]), // function 0 has type 0
    ...section(10, [1, ...vector(body)]),
  );
}

/** A length below 128 and as many bytes. */
function vector(bytes: number[]): number[] {
  return [bytes.length, ...bytes];
}

function section(id: number, content: number[]): number[] {
  return [id, ...vector(content)];
}

/** Whether this browser takes the build. Some have no WebAssembly at all, as those in Apple's Lockdown Mode. */
export function runs(build: EngineBuild): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(probe(build));
}

/** Whether the engine was compiled by the page. */
export function isCompiled(source: unknown): source is WebAssembly.Module {
  return typeof WebAssembly === "object" && source instanceof WebAssembly.Module;
}

/** The wanted build, or else the best one of those offered that this browser runs. */
export function chooseBuild(
  wanted: EngineBuild | null,
  offered: readonly EngineBuild[] = BUILDS,
): EngineBuild {
  if (wanted !== null && !BUILDS.includes(wanted)) {
    throw new GraftletError(
      "option_invalid",
      `There is no build “${wanted}” of the engine: give simd128 or relaxed, or leave it out.`,
    );
  }
  if (wanted !== null && !offered.includes(wanted)) {
    throw new GraftletError(
      "option_invalid",
      `wasmUrl names no file of the engine's ${wanted} build: name one, or leave \`build\` out.`,
    );
  }
  const build = offered.find((build) => (wanted ?? build) === build && runs(build));
  if (build) return build;
  if (wanted !== null && BUILDS.some(runs)) {
    throw new GraftletError(
      "simd_unsupported",
      `This browser does not run the engine's ${wanted} build: leave \`build\` out to get the one that it runs.`,
    );
  }
  throw new GraftletError(
    "simd_unsupported",
    "This browser has no WebAssembly SIMD, which the language model needs: update it, or open this page in Chrome or " +
      "Edge from version 96, Firefox from 114, or Safari from 16.4.",
  );
}
