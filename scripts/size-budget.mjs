// Prints what a visitor downloads and fails when it is over budget. KB = 1000 bytes.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { MODULES } from "./budgets.mjs";

const ADAPTERS = "www/public/adapters";
/** Of a folder; the head of many labels is most of an adapter. */
const budgetOf = (labels) => (labels > 50 ? 700_000 : 400_000);

const number = (bytes) => bytes.toLocaleString("en").padStart(10);
const over = [];

for (const [module, budget] of Object.entries(MODULES)) {
  const wasm = readFileSync(module);
  const brotli = brotliCompressSync(wasm, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length },
  }).length;
  console.log(`${module}, bytes`);
  console.log(`  raw    ${number(wasm.length)}`);
  console.log(`  gzip   ${number(gzipSync(wasm, { level: 9 }).length)}`);
  console.log(`  brotli ${number(brotli)} of ${number(budget).trim()}`);
  if (brotli > budget) over.push(module);
}

console.log(`${ADAPTERS}, bytes`);
// Those of models other than the usual one lie in a folder of their model.
const cards = readdirSync(ADAPTERS, { recursive: true }).filter((file) => basename(file) === "graftlet.json");
for (const name of cards.map(dirname).sort()) {
  const folder = join(ADAPTERS, name);
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  const { labels } = JSON.parse(readFileSync(join(folder, "graftlet.json"), "utf8"));
  const budget = budgetOf(labels.length);
  console.log(`  ${number(bytes)} of ${number(budget).trim()}  ${name}`);
  if (bytes > budget) over.push(folder);
}

if (over.length > 0) {
  console.error(`Over budget: ${over.join(", ")}.`);
  process.exitCode = 1;
}
