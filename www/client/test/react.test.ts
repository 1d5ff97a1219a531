import { createElement } from "react";
import { expect, it } from "vitest";
import { useClassifier } from "../react.js";

const Status = () => createElement("p", null, useClassifier("/adapters/sms_spam/").status);

it("is loading on a server, where it starts nothing", async () => {
  const path = "react-dom/server";
  const { renderToString } = (await import(path)) as { renderToString(node: unknown): string };
  expect(renderToString(createElement(Status))).toBe("<p>loading</p>");
});
