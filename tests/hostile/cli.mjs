/**
 * Gives every hostile file to the command line, one process each, and measures it.
 *
 *   node tests/hostile/cli.mjs [--short] [--only PATTERN] [--limits] [--verbose]
 *
 * `--short` leaves out files of a megabyte and more. `--limits` makes it a fault if a process takes more than 2 seconds of
 * processor time, or 300 MB, above what the same command takes for a good file of that kind. GNU time measures both.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { corpus, SHORT, sizeOf } from "./corpus.mjs";
import { fault, LIMITS } from "./judge.mjs";
import { source } from "./models.mjs";

const { values: flags } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    limits: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const GRAFTLET = at("target/release/graftlet");
const BACKBONE = at("www/public/models/minilm-l6");
const ADAPTER = at("www/public/adapters/sst2");
/** Most processor time of a process, after which it is stopped, which is a fault. */
const LONGEST_SECONDS = 60;

const scratch = mkdtempSync(join(tmpdir(), "hostile-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
const settings = join(scratch, "settings.json");
writeFileSync(settings, JSON.stringify({ num_train_epochs: 1 }));

const write = (folder, files) => {
  rmSync(folder, { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
};
const tinySource = join(scratch, "tiny-source");
const tiny = join(scratch, "tiny");
write(tinySource, source());
const converting = spawnSync(GRAFTLET, ["convert", "--from", tinySource, "--to", tiny], { encoding: "utf8" });
if (converting.status !== 0) throw new Error(converting.stderr);
const base = Object.fromEntries(readdirSync(tiny).map((name) => [name, readFileSync(join(tiny, name))]));

const place = join(scratch, "case");
const out = join(scratch, "out");
const file = () => join(place, readdirSync(place)[0]);
const SHORT_TEXT = "good film\n";
/** The commands that read a kind: arguments, and standard input. */
const COMMANDS = {
  rows: () => [
    [["train", "--backbone", tiny, "--data", file(), "--kind", "head", "--config", settings, "--out", out]],
  ],
  adapters: () => [
    [["inspect", place]],
    [["predict", "--backbone", BACKBONE, "--adapter", place], SHORT_TEXT],
    [["predict", "--json", "--backbone", BACKBONE, "--adapter", place], SHORT_TEXT],
  ],
  sources: () => [[["convert", "--from", place, "--to", out]], [["embed", "--backbone", out], SHORT_TEXT]],
  backbones: () => [[["inspect", place]], [["embed", "--backbone", place], SHORT_TEXT]],
  texts: () => [
    [["predict", "--json", "--backbone", BACKBONE, "--adapter", ADAPTER], readFileSync(file())],
    [["predict", "--backbone", BACKBONE, "--adapter", ADAPTER], readFileSync(file())],
  ],
};

/** GNU time before a command; nothing where nobody asks for it, for not every machine has it. */
const measured = (report) =>
  flags.limits || flags.verbose ? ["/usr/bin/time", "-q", "-o", report, "-f", "%U %S %M"] : [];

/** Runs one command; answers with its exit, what it said, and what it took. */
function run(args, input = "") {
  const report = join(scratch, "time");
  rmSync(report, { force: true });
  // A command may end before it reads its input. Where the input is a file and not a pipe, nobody writes into nothing then.
  const inputFile = join(scratch, "input");
  writeFileSync(inputFile, input);
  const inputHandle = openSync(inputFile, "r");
  const { status, signal, stdout, stderr, error } = spawnSync(
    "bash",
    ["-c", 'ulimit -t "$0"; exec "$@"', String(LONGEST_SECONDS), ...measured(report), GRAFTLET, ...args],
    { stdio: [inputHandle, "pipe", "pipe"], encoding: "utf8", maxBuffer: 2 ** 29 },
  );
  closeSync(inputHandle);
  const [user = 0, system = 0, kilobytes = 0] = existsSync(report)
    ? (readFileSync(report, "utf8").trim().split("\n").at(-1) ?? "").split(" ").map(Number)
    : [];
  return {
    status,
    signal: signal ?? error?.code,
    stdout,
    stderr,
    seconds: user + system,
    megabytes: kilobytes / 1024,
  };
}

/** Runs a kind's commands on what lies in the place. The verdict is that of the last one, or of the first failure. */
function read(kind, must, allowed) {
  rmSync(out, { recursive: true, force: true });
  const taken = [];
  let wrong;
  let said = "an answer";
  const commands = COMMANDS[kind]();
  for (const [index, [args, input]] of commands.entries()) {
    // What was not converted cannot be read.
    if (args.includes(out) && args[0] === "embed" && !existsSync(out)) break;
    const result = run(args, input);
    const { status, signal, stdout, stderr, seconds, megabytes } = result;
    taken.push({ seconds, megabytes });
    const command = args[0];
    const code = status === 0 ? undefined : (/^error\[([a-z0-9_]+)\]: /m.exec(stderr)?.[1] ?? "");
    // To say what is in a folder is not to vouch for it, and a tokenizer fails where it reads.
    const isLast = index === commands.length - 1;
    const due = command === "inspect" || (must === "error" && !isLast) ? (must === "answer" ? must : "either") : must;
    if (code !== undefined) said = code;
    let found = fault({ must: due, code, errors: stderr, output: `${stdout}\n${stderr}` });
    // One line a text.
    const isLines = command === "predict" && code === undefined;
    if (!found && isLines && stdout.split("\n").length !== 2) found = "answered in several lines";
    if (signal || status === null || status > 2) found = `ended by ${signal ?? `code ${status}`}: ${stderr.slice(-200)}`;
    const limit = allowed?.[index];
    if (!found && limit && flags.limits) {
      if (seconds > limit.seconds + LIMITS.seconds) found = `took ${seconds.toFixed(2)} s of processor time`;
      else if (megabytes > limit.megabytes + LIMITS.megabytes) found = `took ${Math.round(megabytes)} MB`;
    }
    if (found) wrong ??= `${command} ${found}`;
    // What was refused once is not read again, but for other commands that must refuse it as well.
    if (code !== undefined && kind === "sources") break;
  }
  return { wrong, said, taken };
}

let count = 0;
const faults = [];
const wanted = new RegExp(flags.only);
for (const [kind, { good, cases }] of Object.entries(corpus(base))) {
  const chosen = cases.filter(({ name }) => wanted.test(name));
  if (chosen.length === 0) continue;
  write(place, good);
  const reference = read(kind, "answer");
  if (reference.wrong) throw new Error(`the good file of ${kind}: ${reference.wrong}`);
  let own = { count: 0, seconds: 0, megabytes: 0, refused: 0 };
  for (const one of chosen) {
    const files = one.make();
    if (flags.short && sizeOf(files) >= SHORT + sizeOf(good)) continue;
    write(place, files);
    const { wrong, said, taken } = read(kind, one.must, reference.taken);
    count += 1;
    own.count += 1;
    if (said !== "an answer") own.refused += 1;
    for (const [index, { seconds, megabytes }] of taken.entries()) {
      const over = {
        seconds: seconds - reference.taken[index].seconds,
        megabytes: megabytes - reference.taken[index].megabytes,
      };
      for (const what of ["seconds", "megabytes"]) {
        own[what] = Math.max(own[what], over[what]);
      }
    }
    const figures = taken.map((t) => `${t.seconds.toFixed(2)} s ${Math.round(t.megabytes)} MB`).join(", ");
    if (flags.verbose) console.log(`${wrong ? "FAULT" : "ok   "} ${one.name}: ${said} (${figures})`);
    if (wrong) faults.push(`${one.name}: ${wrong}`);
  }
  const cost = flags.limits || flags.verbose ? `, at most ${own.seconds.toFixed(2)} s of processor time and ${Math.round(own.megabytes)} MB above a good one` : "";
  console.log(
    `${kind.padEnd(10)} ${String(own.count).padStart(4)} files, ${String(own.refused).padStart(4)} refused${cost}`,
  );
}
console.log(`${count} files, ${faults.length} faults`);
for (const one of faults) console.error(`fault: ${one}`);
if (faults.length > 0) process.exitCode = 1;
