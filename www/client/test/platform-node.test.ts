import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { absolute } from "../platform-node.js";

it("takes paths and URLs", () => {
  expect(absolute("/models/a b#1/").href).toBe("file:///models/a%20b%231/");
  expect(absolute("models/x").href).toBe(pathToFileURL("models/x").href);
  expect(absolute("file:///models/x/").href).toBe("file:///models/x/");
  expect(absolute("https://example.org/m/").href).toBe("https://example.org/m/");
  expect(absolute(new URL("https://example.org/m/")).href).toBe("https://example.org/m/");
});
