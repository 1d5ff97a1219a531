/**
 * Wrong input is answered with a sentence that says what to do.
 */
import { dropFiles, expect, openPage, test } from "./page.js";

const alert = (page: Parameters<typeof openPage>[0]) => page.getByRole("alert");
const startButton = (page: Parameters<typeof openPage>[0]) =>
  page.getByRole("button", { name: "Start training" });

async function paste(page: Parameters<typeof openPage>[0], rows: string): Promise<void> {
  await page.getByRole("button", { name: "Paste rows" }).click();
  await page.getByLabel("Rows, with a header or without").fill(rows);
  await page.getByRole("button", { name: "Use these rows" }).click();
}

test("a file without labels", async ({ page }) => {
  await openPage(page);
  await dropFiles(page, [
    { name: "texts.csv", bytes: Buffer.from("text\none text\nanother text\n") },
  ]);
  await expect(alert(page)).toContainText("No column holds labels");
  await expect(startButton(page)).toBeDisabled();
});

test("rows of one class only", async ({ page }) => {
  await openPage(page);
  await paste(page, "text,label\ngood,x\nbetter,x\nbest,x\n");
  await expect(alert(page)).toContainText("Every row has the label “x”");
  await expect(startButton(page)).toBeDisabled();
});

test("rows with problems are named and left out", async ({ page }) => {
  await openPage(page);
  await paste(page, "text,label\na,x\nb,x\nc,\n,y\nd,y\ne,y\nf,lonely\na,x\n");
  const problems = page.getByRole("list", { name: "Problems in the rows" });
  await expect(problems).toContainText("Row 4 has no label");
  await expect(problems).toContainText("Row 5 has no text");
  await expect(problems).toContainText("Row 8 is the only one of its class");
  await expect(problems).toContainText("Row 9 repeats an earlier row");
  await expect(startButton(page)).toBeEnabled();
});

test("an adapter for another backbone", async ({ page }) => {
  await openPage(page);
  await dropFiles(page, foreignAdapter());
  await expect(alert(page)).toContainText(/768|384/);
});

test("a zip that is none, and a file nobody can use", async ({ page }) => {
  await openPage(page);
  await dropFiles(page, [{ name: "broken.zip", bytes: Buffer.from("PK but not really") }]);
  await expect(alert(page)).toContainText("cannot be unpacked");
  await dropFiles(page, [{ name: "photo.png", bytes: Buffer.from("x") }]);
  await expect(alert(page)).toContainText("photo.png");
});

test("an adapter's config without its weights", async ({ page }) => {
  await openPage(page);
  const [config] = foreignAdapter();
  if (config) await dropFiles(page, [config]);
  await expect(alert(page)).toContainText("adapter_model.safetensors");
});

/** A well-formed LoRA of PEFT for a backbone of hidden size 768. */
function foreignAdapter(): { name: string; bytes: Buffer }[] {
  const config = {
    peft_type: "LORA",
    task_type: "SEQ_CLS",
    base_model_name_or_path: "bert-base-uncased",
    r: 8,
    lora_alpha: 16,
    target_modules: ["query"],
    modules_to_save: ["classifier"],
  };
  const layer = "base_model.model.bert.encoder.layer.0.attention.self.query";
  const shapes: Record<string, number[]> = {
    [`${layer}.lora_A.weight`]: [8, 768],
    [`${layer}.lora_B.weight`]: [768, 8],
    "base_model.model.classifier.weight": [2, 768],
    "base_model.model.classifier.bias": [2],
  };
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const begin = end;
    end += 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [begin, end] };
  }
  let json = JSON.stringify(header);
  json = json.padEnd(Math.ceil(json.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return [
    { name: "adapter_config.json", bytes: Buffer.from(JSON.stringify(config)) },
    {
      name: "adapter_model.safetensors",
      bytes: Buffer.concat([length, Buffer.from(json), Buffer.alloc(end)]),
    },
  ];
}
