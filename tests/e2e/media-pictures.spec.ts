/**
 * Pictures of one's own: from files and from the camera, taught, recognised, and answered live. The camera is a file.
 */
import AxeBuilder from "@axe-core/playwright";
import { addFiles, addLabel, card, openWith, stripes, train } from "./devices.js";
import { expect, taskSelect, test } from "./page.js";

const picture = (name: string, buffer: Buffer) => ({ name, mimeType: "image/bmp", buffer });
const upright = [0, 1, 2, 3].map((seed) => picture(`upright ${seed}.bmp`, stripes(true, seed)));

test("pictures are taken and chosen, taught, recognised, and answered live", async ({ page }) => {
  await openWith(page, "pictures");
  await addLabel(page, "upright");
  await addFiles(page, "upright", upright);
  await expect(card(page, "upright").locator(".shot")).toHaveCount(4);
  await addLabel(page, "ramp");

  await test.step("the camera takes pictures while a button is held", async () => {
    await expect(page.getByRole("button", { name: /Hold to take/ })).toHaveCount(0);
    await page.getByRole("button", { name: "Use the camera" }).click();
    const hold = page.getByRole("button", { name: "Hold to take pictures of “ramp”" });
    await hold.hover();
    await page.mouse.down();
    const shots = card(page, "ramp").locator(".shot");
    await expect.poll(() => shots.count()).toBeGreaterThan(3);
    await page.mouse.up();
    await page.waitForTimeout(500);
    const taken = await shots.count();
    await page.waitForTimeout(700);
    expect(await shots.count()).toBe(taken);
    await page.getByRole("button", { name: "Delete ramp, picture 1" }).click();
    await expect(shots).toHaveCount(taken - 1);
    await page.getByRole("button", { name: "Switch the camera off" }).click();
    await expect(page.getByLabel("What the camera sees")).toHaveCount(0);
  });

  await train(page, "stripes");
  await expect(taskSelect(page)).toHaveValue("stripes");

  await test.step("a picture is answered", async () => {
    await page
      .getByLabel("Pictures to answer")
      .setInputFiles([picture("asked.bmp", stripes(true, 5))]);
    await expect(page.getByTestId("verdict")).toHaveText("upright");
    await expect(page.locator(".answer .thumb")).toBeVisible();
  });

  await test.step("what is no picture is said to be none", async () => {
    await page
      .getByLabel("Pictures to answer")
      .setInputFiles([picture("broken.png", Buffer.from("x"))]);
    await expect(page.getByText("broken.png is not a picture")).toBeVisible();
  });

  await test.step("the camera is answered live", async () => {
    await page.getByRole("button", { name: "Ask with the camera" }).click();
    await expect(page.locator(".live").getByTestId("verdict")).toHaveText("ramp");
    await page.getByRole("button", { name: "Switch the camera off" }).click();
    await expect(page.locator(".live")).toHaveCount(0);
  });

  await test.step("nothing stands in the way of a screen reader", async () => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations).toEqual([]);
  });
});
