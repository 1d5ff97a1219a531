/**
 * The package's public API as one page, out of the declarations in ../pkg: every exported name, and the types that those
 * are made of. The page is checked in, so that a change of the API is a change that somebody has seen.
 *
 *   node scripts/api-report.mjs [--write]     compares with client/API.md, or writes it
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const pkg = fileURLToPath(new URL("../../pkg/", import.meta.url));
const report = fileURLToPath(new URL("../client/API.md", import.meta.url));
const ENTRIES = { graftlet: "index.d.ts", "graftlet/react": "react.d.ts" };

/** Top-level statements of a file as `tsc` writes them: each begins in the first column. */
function statements(file) {
  const text = readFileSync(pkg + file, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*(#private;|private .*;)\n/gm, "")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{2,}/g, "\n");
  return text.trim().split(/\n(?=\S)(?![})\]|])/);
}

/** Every file's declarations by their names, and its lists of other files' names. */
const files = new Map();
function read(file) {
  if (files.has(file)) return files.get(file);
  const found = { declared: new Map(), borrowed: new Map(), exported: new Set(), all: [] };
  files.set(file, found);
  for (const statement of statements(file)) {
    const list = statement.match(/^(import|export) (?:type )?{([\s\S]*)} from "\.\/(.+)\.js";$/);
    const own = statement.match(
      /^(export )?(?:declare )?(?:abstract )?(?:interface|type|class|function|const|let) (\w+)/,
    );
    const all = statement.match(/^export (?:type )?\* from "\.\/(.+)\.js";$/);
    if (all) {
      found.all.push(`${all[1]}.d.ts`);
    } else if (list) {
      for (const name of list[2].split(",").map((name) => name.replace("type ", "").trim())) {
        if (!name) continue;
        found.borrowed.set(name, `${list[3]}.d.ts`);
        if (list[1] === "export") found.exported.add(name);
      }
    } else if (own) {
      const overloads = found.declared.get(own[2]);
      found.declared.set(own[2], overloads ? `${overloads}\n${statement}` : statement);
      if (own[1]) found.exported.add(own[2]);
    } else if (!/^(import|export type {\s*};|export {\s*};)/.test(statement)) {
      const local = statement.match(/^export (?:type )?{([\s\S]*)};$/);
      if (!local)
        throw new Error(`api-report: ${file} has “${statement}”, which is not understood.`);
      for (const name of local[1].split(",")) found.exported.add(name.replace("type ", "").trim());
    }
  }
  return found;
}

/** A name's declaration, and where it stands. */
function find(file, name) {
  const { declared, borrowed, all } = read(file);
  if (declared.has(name)) return { file, text: declared.get(name) };
  if (borrowed.has(name)) return find(borrowed.get(name), name);
  for (const other of all) {
    const found = find(other, name);
    if (found) return found;
  }
  return undefined;
}

function page() {
  const shown = new Set();
  const sections = Object.entries(ENTRIES).map(([entry, file]) => {
    const names = [...read(file).exported].sort();
    const parts = names.map((name) => show(file, name, shown));
    const inner = [];
    // Types that exported ones are made of belong to the API, though nobody can import them.
    for (const { file, text } of parts) collect(file, text, shown, inner);
    const hidden = inner.sort((a, b) => a.name.localeCompare(b.name));
    return [
      `## ${entry}`,
      code(parts.map(({ text }) => text)),
      ...(hidden.length > 0
        ? ["Types without an export of their own:", code(hidden.map(({ text }) => text))]
        : []),
    ].join("\n\n");
  });
  return `# Public API

\`npm run --prefix www api\` writes this page; the tests fail where it is not what the package has.

${sections.join("\n\n")}
`;
}

function show(file, name, shown) {
  const found = find(file, name);
  if (!found) throw new Error(`api-report: the declaration of ${name} was not found.`);
  shown.add(`${found.file} ${name}`);
  return found;
}

function collect(file, text, shown, inner) {
  for (const name of new Set(text.match(/\b[A-Za-z]\w*\b/g))) {
    const found = find(file, name);
    if (!found || !/^(export )?(declare )?(interface|type) /.test(found.text)) continue;
    if (shown.has(`${found.file} ${name}`)) continue;
    shown.add(`${found.file} ${name}`);
    inner.push({ name, text: found.text });
    collect(found.file, found.text, shown, inner);
  }
}

const code = (parts) => `\`\`\`ts\n${parts.join("\n\n")}\n\`\`\``;

const now = page();
if (process.argv.includes("--write")) {
  writeFileSync(report, now);
} else if (readFileSync(report, "utf8") !== now) {
  console.error(
    "api-report: the package's public API is not what www/client/API.md says: if the change is meant, run " +
      "'npm run --prefix www api', look at what it changed, and check it in.",
  );
  process.exitCode = 1;
} else {
  console.log("The public API is what www/client/API.md says.");
}
