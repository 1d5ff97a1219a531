/**
 * Writes the notices that the licences of others ask for: of the crates in the WebAssembly modules, by Cargo.lock, and of
 * the npm packages on the page, by package-lock.json (its `dependencies`; `devDependencies` are tools).
 *
 *   node scripts/notices.mjs OUT [--page]     --page adds what only the page carries: npm packages and the backbone
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUNDLED } from "./bundled.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const root = join(www, "..");
const [out, ...flags] = process.argv.slice(2);
const page = flags.includes("--page");
const TARGET = "wasm32-unknown-unknown";
const LICENCE = /^(licen[cs]e|copying|notice|unlicense)([-._].*)?$/i;

/** The texts of a package's folder that its licence asks to pass on. */
function textsIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE.test(entry.name))
    .map(({ name }) => readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim());
}

/** Crates that end up in the modules: what their roots need to run, not what builds them. */
function crates(roots) {
  const metadata = JSON.parse(
    execFileSync(
      "cargo",
      ["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET],
      { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] },
    ),
  );
  const packages = new Map(metadata.packages.map((found) => [found.id, found]));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const seen = new Set();
  const queue = metadata.packages
    .filter(({ name, source }) => source === null && roots.includes(name))
    .map(({ id }) => id);
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id)?.deps ?? []) {
      const macro = packages.get(pkg)?.targets.some(({ kind }) => kind.includes("proc-macro"));
      if (!macro && dep_kinds.some(({ kind }) => kind === null)) queue.push(pkg);
    }
  }
  return [...seen]
    .map((id) => packages.get(id))
    .filter(({ source }) => source !== null)
    .map(({ name, version, license, manifest_path }) => ({
      name,
      version,
      licence: license ?? "see below",
      texts: textsIn(dirname(manifest_path)),
    }));
}

/** npm packages that end up in the package, or on the page. */
function npmPackages() {
  const lock = JSON.parse(readFileSync(join(www, "package-lock.json"), "utf8"));
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => {
      const isOnPage = path !== "" && !dev && !devOptional;
      return BUNDLED.includes(path.replace("node_modules/", "")) || (page && isOnPage);
    })
    .map(([path, { version, license }]) => ({
      name: path.split("node_modules/").at(-1),
      version,
      licence: license ?? "see below",
      texts: textsIn(join(www, path)),
    }));
}

/** One section: who takes part, and each text once, under all that it is of. */
function section(title, parts) {
  const sorted = parts.toSorted((a, b) => a.name.localeCompare(b.name));
  const owners = new Map();
  for (const { name, version, texts } of sorted) {
    for (const text of texts) owners.set(text, [...(owners.get(text) ?? []), `${name} ${version}`]);
  }
  const rule = "-".repeat(80);
  return [
    `${title}\n${"=".repeat(title.length)}\n`,
    ...sorted.map(({ name, version, licence }) => `${name} ${version}: ${licence}`),
    "",
    ...[...owners].map(([text, names]) => `${rule}\n${names.join(", ")}\n${rule}\n\n${text}\n`),
  ].join("\n");
}

const sections = [
  "Third-party notices\n\ngraftlet is licensed under Apache-2.0. What follows is by others.\n",
  section(
    "Rust crates in the WebAssembly modules",
    crates(["graftlet", ...(page ? ["graftlet-rows"] : [])]),
  ),
];
sections.push(
  section(page ? "npm packages on the page" : "npm packages in the scripts", npmPackages()),
);
if (page) {
  sections.push(
    [
      "Language model and adapters",
      "===========================\n",
      "The backbone is sentence-transformers/all-MiniLM-L6-v2, converted to 8-bit weights; its authors license it under",
      "Apache-2.0. Where the rows came from that each shipped adapter learned from, and under which licence, is said in its",
      "folder below adapters/, and on its card on the page.\n",
    ].join("\n"),
  );
}
writeFileSync(out, `${sections.join("\n")}`);
