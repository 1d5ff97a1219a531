// Exit code 0 when FOLDER/node_modules holds what FOLDER/package-lock.json asks for, judged by npm's own record of
// what it installed; milliseconds, where npm itself takes seconds.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const read = (...path) => JSON.parse(readFileSync(join(...path), "utf8")).packages;

try {
  const folder = process.argv[2];
  const wanted = read(folder, "package-lock.json");
  const installed = read(folder, "node_modules", ".package-lock.json");
  const stale = Object.entries(wanted).some(
    ([path, { version, integrity, optional }]) =>
      path !== "" &&
      (installed[path] === undefined
        ? !optional // another platform's
        : installed[path].version !== version || installed[path].integrity !== integrity),
  );
  process.exitCode = stale ? 1 : 0;
} catch {
  process.exitCode = 1;
}
