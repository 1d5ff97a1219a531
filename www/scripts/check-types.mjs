/** Type-checks every realm with its own config: page and worker each see only the globals they have. */
import { spawnSync } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const www = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const configs = [
  "client/tsconfig.json",
  "client/tsconfig.worker.json",
  "client/tsconfig.nodejs.json",
  "client/test/tsconfig.json",
  "app/tsconfig.json",
  "app/tsconfig.worker.json",
  "app/offline/tsconfig.json",
  "app/test/tsconfig.json",
  "tsconfig.node.json",
  "../tests/e2e/tsconfig.json",
];
let failed = false;
for (const config of configs) {
  const tsc = resolve(www, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", resolve(www, config)], {
    stdio: "inherit",
  });
  if (status !== 0) {
    console.error(`check-types: ${config} failed`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
