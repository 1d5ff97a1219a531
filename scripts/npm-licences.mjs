// Fails when an npm package that ships has a licence that asks for more than a notice, or comes from elsewhere than the
// registry. What deny.toml is for crates.
import { readFileSync } from "node:fs";

const ALLOWED = ["Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "OFL-1.1"];
const { packages } = JSON.parse(readFileSync("www/package-lock.json", "utf8"));
let shipped = 0;
for (const [path, { dev, devOptional, optional, license, integrity, resolved }] of Object.entries(packages)) {
  if (path === "") continue;
  // Of packages for other systems a lock file has no hash. Registry addresses are left out of the lock file, so any address is another place.
  const wrong = [
    ...(resolved && !/^https:\/\/registry\./.test(resolved) ? [`comes from ${resolved}`] : []),
    ...(integrity || optional ? [] : ["has no hash"]),
    ...(dev || devOptional || ALLOWED.includes(license) ? [] : [`has the licence ${license}`]),
  ];
  if (!dev && !devOptional) shipped += 1;
  if (wrong.length > 0) {
    console.error(`${path} ${wrong.join(" and ")}.`);
    process.exitCode = 1;
  }
}
console.log(`npm packages: the licences of ${shipped} that ship, and the hashes of all, are in order.`);
