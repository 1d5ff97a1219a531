/**
 * Folders that the two Python libraries wrote are taken as they are, and given back in the same format.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { dropFiles, expect, openPage, test } from "./page.js";

const GOLDENS = join(__dirname, "../fixtures/goldens");

for (const [folder, library, weights] of [
  ["peft_lora_r8_qv", "PEFT", "adapter_model.safetensors"],
  ["ah_houlsby", "AdapterHub", "adapter.safetensors"],
] as const) {
  test(`takes ${folder} and gives it back for ${library}`, async ({ page }) => {
    await openPage(page);
    const files = readdirSync(join(GOLDENS, folder))
      .filter((name) => name !== "expected.json")
      .map((name) => ({ name, bytes: readFileSync(join(GOLDENS, folder, name)) }));
    await dropFiles(page, files);
    await expect(page.getByText("Added “adapter”")).toBeVisible();
    await expect(page.locator(".bar")).toHaveCount(3);

    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: `Download for ${library}` }).click();
    const archive = unzipSync(readFileSync(await (await downloading).path()));
    expect(Object.keys(archive)).toEqual(
      expect.arrayContaining(["adapter/adapter_config.json", `adapter/${weights}`]),
    );
  });
}
