// The list of files in an adapter's side file, with the length and SHA-256 of each:
//
//   node scripts/side-file.mjs [FOLDER...]     by default every folder of www/public/adapters
//
// Rewrites graftlet.json of each folder, and nothing else of the folder. The lengths in the index follow.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SIDE_FILE = "graftlet.json";
const ADAPTERS = join(import.meta.dirname, "../www/public/adapters");
const ZEROS = "0".repeat(64);

const sha256 = (content) => createHash("sha256").update(content).digest("hex");
const text = (card) => `${JSON.stringify(card, null, 2)}\n`;

/** Lists the folder's files in its side file. `change` gives the side file other fields before. */
export function listFiles(folder, change = {}) {
  const side = join(folder, SIDE_FILE);
  const { files: _, ...card } = { ...JSON.parse(readFileSync(side, "utf8")), ...change };
  const names = readdirSync(folder).filter((name) => /\.(json|safetensors|bin)$/.test(name) && name !== SIDE_FILE);
  const others = names.sort().map((name) => {
    const content = readFileSync(join(folder, name));
    return { name, bytes: content.length, sha256: sha256(content) };
  });
  // A file cannot hold its own hash: this is the hash of the file with zeros in place of it. Its length it can hold.
  const whole = (bytes, hash) => text({ ...card, files: [...others, { name: SIDE_FILE, bytes, sha256: hash }] });
  let bytes = 0;
  for (let length = whole(0, ZEROS).length; length !== bytes; ) {
    bytes = length;
    length = Buffer.byteLength(whole(bytes, ZEROS));
  }
  writeFileSync(side, whole(bytes, sha256(whole(bytes, ZEROS))));
  return card;
}

/** Bytes of a folder's files that a page fetches. */
export function bytesOf(folder) {
  const files = readdirSync(folder).filter((file) => file !== "README.md");
  return files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const given = process.argv.slice(2);
  const all = readdirSync(ADAPTERS).map((name) => join(ADAPTERS, name));
  const folders = given.length > 0 ? given : all.filter((path) => existsSync(join(path, SIDE_FILE)));
  for (const folder of folders) listFiles(folder);
  if (given.length === 0) {
    const file = join(ADAPTERS, "index.json");
    const index = JSON.parse(readFileSync(file, "utf8"));
    for (const entry of index.adapters) entry.bytes = bytesOf(join(ADAPTERS, entry.path));
    writeFileSync(file, text(index));
  }
  console.log(`${folders.length} side file(s) written`);
}
