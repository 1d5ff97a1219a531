/**
 * Writes the benchmark's tables to the terminal and into docs/performance.md.
 *
 *   node benches/report.mjs       writes target/bench/web.json's tables into the document
 *
 * In the document, a table stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { tables } from "./tables.mjs";

export { BUILDS } from "./tables.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** To the terminal. */
export function print(rows, conditions) {
  console.log(`\n${sentence(conditions)}`);
  const timed = rows.filter(({ unit, n }) => unit === "ms" && n >= 5);
  const spreads = timed.map(({ median, min }) => median / min).sort((a, b) => a - b);
  if (spreads[spreads.length >> 1] > 1.15) {
    console.log(
      "Something else kept this machine busy: half of the medians are more than 15 % above the fastest sample. Run again.",
    );
  }
  for (const { title, head, body } of tables(rows)) {
    const lines = [head, ...body];
    const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
    console.log(`\n${title}`);
    for (const line of lines) {
      console.log(`  ${line.map((cell, i) => cell.padEnd(widths[i])).join("  ")}`.trimEnd());
    }
  }
}

function sentence({ browser, cpu, cores, dot, memory, system, rounds, date, pytorch }) {
  const machine = `${cpu} (${cores} cores, dot instruction: ${dot}, ${memory} GB)`;
  const peers = pytorch ? `, ${pytorch}` : "";
  return `${browser} headless, one thread, ${machine}, ${system}${peers}, ${rounds} samples a figure, ${date}.`;
}

/** Into the document. */
function write() {
  const read = (path) => readFileSync(resolve(root, path), "utf8");
  const conditions = JSON.parse(read("target/bench/conditions.json"));
  if (conditions.only)
    throw new Error("the last run was one with --only: the document needs a whole one");
  const parts = new Map([["conditions", sentence(conditions)]]);
  for (const { name, head, body } of tables(JSON.parse(read("target/bench/web.json")))) {
    const lines = [head, head.map(() => "---"), ...body];
    parts.set(name, lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"));
  }
  let text = read("docs/performance.md");
  for (const [name, content] of parts) {
    const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
    const [before, after] = [text.indexOf(start), text.indexOf(end)];
    if (before < 0 || after < 0) throw new Error(`docs/performance.md has no place for ${name}`);
    text = `${text.slice(0, before + start.length)}\n${content}\n${text.slice(after)}`;
  }
  writeFileSync(resolve(root, "docs/performance.md"), text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) write();
