/**
 * The page with what it ships: the backbone comes, every shipped adapter answers, nothing else is asked of anyone.
 */
import AxeBuilder from "@axe-core/playwright";
import { expect, openPage, taskSelect, test } from "./page.js";

/** Texts with what each shipped task should say of them. */
const EXAMPLES: Record<string, [text: string, answer: string | RegExp, second?: string][]> = {
  sst2: [
    ["a warm , funny and deeply moving film .", "positive"],
    ["a dull , lifeless mess that wastes its actors .", "negative"],
  ],
  goemotions_ekman: [
    ["Thank you so much, this made my day!", /joy/],
    ["This makes me so angry, how dare they!", /anger/],
  ],
  goemotions: [
    ["Thank you so much, this made my day!", /gratitude/],
    ["I am so sorry for your loss.", /sadness|caring|remorse/],
  ],
  trec: [
    ["What is the capital of France ?", "location"],
    ["How many people live in Tokyo ?", "number"],
    ["Who invented the telephone ?", "person"],
  ],
  banking77: [
    ["How do I activate my card?", "activate_my_card"],
    ["Someone stole my phone", "lost_or_stolen_phone"],
  ],
  clinc150: [
    ["book me a flight to rome", "book_flight"],
    ["set an alarm for six tomorrow", "alarm"],
    ["why do cats purr when the moon is full", "none of these"],
  ],
  sms_spam: [
    ["WINNER!! You have won a £1000 cash prize. Call 09061701461 now to claim!", "spam"],
    ["Running late, be home by seven. Shall I bring milk?", "ham"],
  ],
  clickbait: [
    ["17 Things Only People Who Hate Mornings Will Understand", "clickbait"],
    ["Parliament passes budget after long debate", "news"],
  ],
  cola: [
    ["They made him angry.", "acceptable"],
    ["Who do you wonder whether left?", "unacceptable"],
  ],
  language: [
    ["Das Wetter war gestern besser als heute.", "German"],
    ["Esta es una frase sencilla.", "Spanish"],
  ],
  stsb: [
    ["A man is playing a guitar.", /^[45]\.\d+ of 5$/, "A man plays the guitar."],
    ["A man is playing a guitar.", /^-?[01]\.\d+ of 5$/, "A cat sleeps on the sofa."],
  ],
  wnut17: [
    ["Met Lady Gaga at the Apple store in Berlin today", /places? found/],
    ["it is raining again", "Nothing found"],
  ],
};

test("answers with every shipped adapter", { tag: "@core" }, async ({ page }) => {
  await openPage(page);
  const index = await page.request.get("adapters/index.json");
  const { adapters } = (await index.json()) as { adapters: { name: string }[] };
  expect(adapters.map(({ name }) => name).sort()).toEqual(Object.keys(EXAMPLES).sort());
  for (const [name, examples] of Object.entries(EXAMPLES)) {
    await taskSelect(page).selectOption(name);
    for (const [text, answer, second] of examples) {
      if (second !== undefined) await page.getByLabel("Second text").first().fill(second);
      const box = second === undefined ? "Text" : "First text";
      await page.getByLabel(box, { exact: true }).first().fill(text);
      await expect(page.getByTestId("verdict"), `${name}: ${text}`).toHaveText(answer);
    }
  }
  await expect(page.getByText(/\d ms · \d+ tokens/)).toBeVisible();
});

test("shows bytes while the backbone comes", { tag: "@core" }, async ({ page }) => {
  await page.route("**/models/minilm-l6/*.safetensors", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await page.goto("./");
  await expect(page.getByText(/[\d.]+ of 2\d\.\d MB/)).toBeVisible();
  await expect(page.getByTestId("verdict")).toBeVisible({ timeout: 60_000 });
});

test("starts with an example of each task and keeps a visitor's own text", async ({ page }) => {
  await openPage(page);
  const box = page.getByLabel("Text", { exact: true }).first();
  await taskSelect(page).selectOption("trec");
  const example = await box.inputValue();
  await taskSelect(page).selectOption("sms_spam");
  await expect(box).not.toHaveValue(example);
  await box.fill("my own words");
  await taskSelect(page).selectOption("trec");
  await expect(box).toHaveValue("my own words");
});

test("reads all of a long text and says in how many windows", async ({ page }) => {
  await openPage(page);
  const box = page.getByLabel("Text", { exact: true }).first();
  await box.fill("a fine film ".repeat(400));
  await expect(page.getByText(/read in \d+ windows/)).toBeVisible();
  await expect(page.getByText("1,202 tokens", { exact: false })).toBeVisible();

  await taskSelect(page).selectOption("wnut17");
  await box.fill(`${"the film was dull . ".repeat(300)}Then Emmanuel Macron went to Reykjavik .`);
  const answer = page.getByRole("region", { name: "Answer" });
  await expect(answer.locator("mark", { hasText: "Reykjavik" })).toBeVisible();
});

test("asks for a second text where the task compares two", async ({ page }) => {
  await openPage(page);
  await expect(page.getByTestId("verdict")).toBeVisible();
  await expect(page.getByLabel("Second text")).toHaveCount(0);
  await taskSelect(page).selectOption("stsb");
  await expect(page.getByLabel("Second text").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "One text only" })).toHaveCount(0);
  await expect(page.getByTestId("verdict")).toHaveCount(1);
});

test("answers a second text beside the first where the task reads one", async ({ page }) => {
  await openPage(page);
  await taskSelect(page).selectOption("sst2");
  await page.getByLabel("Text", { exact: true }).first().fill("a warm , moving film .");
  await page.getByRole("button", { name: "Compare with a second text" }).click();
  await expect(page.getByRole("checkbox", { name: /one pair/ })).toHaveCount(0);
  await page.getByLabel("Second text").first().fill("a dull , lifeless mess .");
  await expect(page.getByTestId("verdict")).toHaveText(["positive", "negative"]);
  await expectNoViolations(page);
  await page.getByRole("button", { name: "One text only" }).click();
  await expect(page.getByTestId("verdict")).toHaveText(["positive"]);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`has no serious accessibility violation in the ${colorScheme} theme`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await openPage(page);
    await expectNoViolations(page);
    await page.getByRole("button", { name: "Try it with a sample" }).click();
    await expect(page.getByRole("button", { name: "Start training" })).toBeEnabled();
    await page.getByText("Settings of the run").click();
    await expectNoViolations(page);
  });
}

async function expectNoViolations(page: Parameters<typeof openPage>[0]): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
  expect(serious).toEqual([]);
}
