/** What is right of an outcome, whoever read the file. */

export const LIMITS = { seconds: 2, megabytes: 300 };

/** Characters that a terminal obeys, but for tabs and line ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u;

/** Characters of the longest message, with the code and the mark before it. */
const LONGEST = 500;

/**
 * What is wrong about it: `undefined` if nothing is. `errors` are the sentences of failures, `output` is all that was
 * shown, `code` is undefined for an answer.
 */
export function fault({ must, code, errors, output }) {
  const obeyed = OBEYED.exec(output);
  if (obeyed) return `a control character (${obeyed[0].codePointAt(0)}) came out raw`;
  if (/panicked|RUST_BACKTRACE|\bundefined\b|\[object Object\]/.test(errors)) return `no sentence: ${errors.slice(0, 200)}`;
  if (code !== undefined && !/^[a-z0-9_]+$/.test(code)) return `no code: ${errors.slice(0, 200)}`;
  if (["internal", "engine_trapped", "worker_failed"].includes(code)) return `code ${code}: ${errors.slice(0, 200)}`;
  const long = errors.split("\n").find((line) => line.length > LONGEST);
  if (long) return `a message of ${long.length} characters`;
  if (must === "error" && code === undefined) return "was taken, and is not right";
  if (must === "answer" && code !== undefined) return `was refused, and is right: ${errors.slice(0, 200)}`;
  if (code === undefined && output.trim() === "") return "nothing was said";
  return undefined;
}
