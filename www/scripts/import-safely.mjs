/**
 * Imports the package's modules where there is no browser, and fails if they touch what only a browser has: a server that
 * renders a page imports them too.
 */
const touched = [];
for (const name of [
  "window",
  "document",
  "self",
  "Worker",
  "caches",
  "localStorage",
  "indexedDB",
]) {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() {
      touched.push(name);
      return undefined;
    },
  });
}
// `react.js` is left out: it needs the package and React beside it, and is rendered on a server by the Next.js example.
for (const name of ["index.js", "node.js"]) await import(`../../pkg/${name}`);
if (touched.length > 0) {
  console.error(
    `import-safely: on import the package touches ${[...new Set(touched)].join(", ")}.`,
  );
  process.exitCode = 1;
} else {
  console.log("Importing the package touches nothing of a browser.");
}
