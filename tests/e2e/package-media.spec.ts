/**
 * Sounds and pictures in a real browser, beside the command line on the same files. The models are tiny and random, so that the
 * tests need no download.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import { home } from "./package.js";

const root = join(__dirname, "../..");
const fixtures = join(root, "tests/fixtures");
const graftlet = process.env.GRAFTLET ?? join(root, "target/release/graftlet");

interface Scope {
  g: Package.Graftlet;
  file: (path: string) => Promise<Blob>;
}

/** A page with a tiny model of the fixtures; `file` fetches another of them. */
async function load(page: Page, model: string, workers = 1): Promise<void> {
  await page.goto(home);
  await page.evaluate(
    async ([model, workers]) => {
      const path = "/pkg/index.js";
      const { Graftlet } = (await import(path)) as typeof Package;
      const g = await Graftlet.load({ backbone: `/fixtures/${model}`, workers });
      const file = async (path: string) => (await fetch(`/fixtures/${path}`)).blob();
      Object.assign(window, { g, file });
    },
    [model, workers] as const,
  );
}

/** The model as the command line reads it. */
function converted(model: string): string {
  const folder = join(mkdtempSync(join(tmpdir(), "graftlet-media-")), "model");
  execFileSync(graftlet, ["convert", "--from", join(fixtures, model), "--to", folder]);
  return folder;
}

/** The command line's vectors of files. */
function vectors(model: string, paths: readonly string[]): number[][] {
  const output = execFileSync(graftlet, ["embed", "--backbone", converted(model)], {
    input: paths.map((path) => `${join(fixtures, path)}\n`).join(""),
    encoding: "utf8",
  });
  const lines = output.trim().split("\n");
  return lines.map((line) => [
    ...Float32Array.from((JSON.parse(line) as { vector: number[] }).vector),
  ]);
}

/** The tab's vectors of the same files. */
function embedded(page: Page, paths: readonly string[]): Promise<number[][]> {
  return page.evaluate(async (paths) => {
    const { g, file } = window as unknown as Scope;
    const found = await g.embed(await Promise.all(paths.map(file)));
    return found.map((vector) => [...vector]);
  }, paths);
}

const cosine = (a: readonly number[], b: readonly number[]) => {
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, x, at) => sum + x * (b[at] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

const SOUNDS = ["0_george_0", "2_george_0", "3_theo_5", "5_jackson_3", "four", "six"].map(
  (name) => `sound/${name}.wav`,
);
const PICTURES = [
  "rgb.bmp",
  "grey.png",
  "palette.png",
  "palette.gif",
  "64x48.png",
  "37x53.png",
].map((name) => `picture/${name}`);
const PHOTOS = ["progressive.jpg", "turned.jpg", "grey.jpg"].map((name) => `picture/${name}`);

test("WAV files give the command line's bits", { tag: "@core" }, async ({ page }) => {
  await load(page, "sounds/whisper");
  const { reads } = await page.evaluate(() => (window as unknown as Scope).g.backbone);
  expect(reads).toBe("sounds");
  expect(await embedded(page, SOUNDS)).toEqual(vectors("sounds/whisper", SOUNDS));
});

test("samples give the bits of a WAV file of them, at any rate", async ({ page }) => {
  await load(page, "sounds/whisper");
  const path = "sound/3_theo_5.wav";
  const [own, halved, buffer, left] = await page.evaluate(async (path) => {
    const { g, file } = window as unknown as Scope;
    const pcm = new Int16Array((await (await file(path)).arrayBuffer()).slice(44));
    const samples = Float32Array.from(pcm, (x) => x / 32768);
    const rate = 8000;
    const whole = new Float32Array(samples.length + 20);
    whole.set(samples, 10);
    const part = whole.subarray(10, 10 + samples.length);
    const buffer = new AudioBuffer({
      length: samples.length,
      sampleRate: rate,
      numberOfChannels: 2,
    });
    buffer.copyToChannel(samples, 0);
    buffer.copyToChannel(samples, 1);
    const half = { samples: samples.filter((_, at) => at % 2 === 0), rate: 4000 };
    const inputs = [{ samples: part, rate }, half, buffer];
    const found = await g.embed(inputs);
    const left = [whole.length, whole[14] === samples[4], buffer.length];
    return [...found.map((vector) => [...vector]), left];
  }, path);
  const [expected] = vectors("sounds/whisper", [path]);
  expect(own).toEqual(expected);
  expect(buffer).toEqual(expected);
  expect(halved).not.toEqual(expected);
  expect(left).toEqual([expect.any(Number), true, expect.any(Number)]);
});

test("recordings of other formats are decoded by the browser", { tag: "@core" }, async ({
  page,
}) => {
  await load(page, "sounds/whisper");
  const paths = ["flac", "ogg", "mp3"].map((ending) => `sound/tone.${ending}`);
  const [flac, ...others] = await embedded(page, paths);
  const [same, ...near] = vectors("sounds/whisper", paths);
  // Of a lossless file the samples are the same, as it is decoded at its own rate.
  expect(flac).toEqual(same);
  for (const [index, vector] of others.entries()) {
    expect(cosine(vector, near[index] ?? [])).toBeGreaterThan(0.999);
  }
});

for (const model of ["pictures/vit", "pictures/dinov2"]) {
  test(`pictures without loss give the command line's bits, with ${model}`, {
    tag: "@core",
  }, async ({ page }) => {
    await load(page, model);
    const expected = vectors(model, PICTURES);
    expect(await embedded(page, PICTURES)).toEqual(expected);
    const again = await page.evaluate(async (paths) => {
      const { g, file } = window as unknown as Scope;
      const bitmaps = await Promise.all(
        paths.map(async (path) => createImageBitmap(await file(path))),
      );
      const images = bitmaps.map((bitmap) => {
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
        context.drawImage(bitmap, 0, 0);
        return context.getImageData(0, 0, bitmap.width, bitmap.height);
      });
      const [a, b] = [await g.embed(bitmaps), await g.embed(images)];
      const kept = [
        bitmaps.every(({ width }) => width > 0),
        images.every(({ data }) => data.length > 0),
      ];
      return { bitmaps: a.map((x) => [...x]), images: b.map((x) => [...x]), kept };
    }, PICTURES);
    expect(again).toEqual({ bitmaps: expected, images: expected, kept: [true, true] });
    // Decoders of JPEG round differently.
    const near = vectors(model, PHOTOS);
    for (const [index, vector] of (await embedded(page, PHOTOS)).entries()) {
      expect(cosine(vector, near[index] ?? [])).toBeGreaterThan(0.999);
    }
  });
}

test("several workers compute one recording together, with the bits of one", async ({ page }) => {
  await load(page, "sounds/whisper", 2);
  await page.evaluate(() => (window as unknown as Scope).g.workers());
  expect(await embedded(page, SOUNDS)).toEqual(vectors("sounds/whisper", SOUNDS));
});

test("what is no recording or picture is refused by its number, and the engine goes on", {
  tag: "@core",
}, async ({ page }) => {
  const codes = (inputs: "sounds" | "pictures") =>
    page.evaluate(async (inputs) => {
      const { g, file } = window as unknown as Scope;
      const isSound = inputs === "sounds";
      const right = await file(isSound ? "sound/six.wav" : "picture/rgb.bmp");
      const bitmap = await createImageBitmap(new ImageData(2, 2));
      bitmap.close();
      const cut = (await file("sound/six.wav")).slice(0, 600);
      const wrong = isSound
        ? [
            new Blob(["no sound"]),
            new Blob([]),
            cut,
            await file("picture/rgb.bmp"),
            new ImageData(2, 2),
          ]
        : [new Blob(["no picture"]), new Blob([]), await file("sound/six.wav"), bitmap];
      const found: string[] = [];
      for (const one of wrong) {
        const call = g.embed([right, one as Blob]).then(
          () => "none",
          ({ code, message }: Package.GraftletError) => `${code}: ${message}`,
        );
        found.push(await call);
      }
      return { found, after: (await g.embed(right)).length };
    }, inputs);
  await load(page, "sounds/whisper");
  const sounds = await codes("sounds");
  const expected = [
    "file_invalid",
    "file_invalid",
    "file_truncated",
    "file_invalid",
    "input_unsupported",
  ];
  expect(sounds.found.map((one) => one.split(":")[0])).toEqual(expected);
  await load(page, "pictures/vit");
  const pictures = await codes("pictures");
  expect(pictures.found.map((one) => one.split(":")[0])).toEqual(
    new Array(4).fill("picture_invalid"),
  );
  for (const one of [...sounds.found, ...pictures.found]) expect(one).toContain("Input 2");
  expect([sounds.after, pictures.after]).toEqual([16, 16]);
});

/** Learns tones from noise; what the adapter says of six of them, and its files. */
function learn(page: Page, options: { workers: number }) {
  return page.evaluate(async ({ workers }) => {
    const { g } = window as unknown as Scope;
    const one = (at: number, is: boolean) => {
      let state = at * 7919 + 1;
      const noise = () => {
        state = (state * 16_807) % 2_147_483_647;
        return state / 2_147_483_647 - 0.5;
      };
      const wave = (_: unknown, t: number) => (is ? Math.sin(t * (0.1 + at / 200)) / 3 : noise());
      return { samples: Float32Array.from({ length: 6000 }, wave), rate: 16_000 };
    };
    const rows = Array.from({ length: 24 }, (_, at) => ({
      sound: one(at, at % 2 === 0),
      label: at % 2 === 0 ? "tone" : "noise",
    }));
    const settings = { name: "tones", kind: "lora", epochs: 6, learningRate: 0.01, workers };
    const events: Package.TrainEvent[] = [];
    for await (const event of g.train(settings, rows)) {
      events.push(event);
      if (event.type === "eval") console.log(`eval ${event.epoch}`);
    }
    const inputs = [31, 32, 33, 34, 35, 36].map((at) => one(at, at % 2 === 0));
    const answers = await g.classify(inputs, { with: "tones" });
    const files = Object.entries(await g.exportAdapter("tones"));
    return {
      read: events.filter(({ type }) => type === "reading").length,
      labels: answers.map((answer) => ("label" in answer ? answer.label : "")),
      files: files.map(([name, bytes]) => [name, [...bytes]] as const),
    };
  }, options);
}

test("learns recordings, and the command line answers with the adapter as the tab does", async ({
  page,
}) => {
  await load(page, "sounds/whisper");
  const learnt = await learn(page, { workers: 2 });
  expect(learnt.read).toBeGreaterThan(1);
  expect(learnt.labels).toEqual(["noise", "tone", "noise", "tone", "noise", "tone"]);
  const folder = mkdtempSync(join(tmpdir(), "graftlet-tones-"));
  const backbone = converted("sounds/whisper");
  for (const [name, bytes] of learnt.files) {
    writeFileSync(join(folder, name), Uint8Array.from(bytes));
  }
  const output = execFileSync(
    graftlet,
    ["predict", "--backbone", backbone, "--adapter", folder, "--json"],
    { input: SOUNDS.map((path) => `${join(fixtures, path)}\n`).join(""), encoding: "utf8" },
  );
  const lines = output.trim().split("\n");
  const native = lines.map((line) => (JSON.parse(line) as { logits: number[] }).logits);
  const logits = await page.evaluate(async (paths) => {
    const { g, file } = window as unknown as Scope;
    const answers = await g.classify(await Promise.all(paths.map(file)), { with: "tones" });
    return answers.map(({ logits }) => logits);
  }, SOUNDS);
  expect(logits).toEqual(native);

  // a second of a tone between a second of silence and one of noise
  const pcm = Int16Array.from({ length: 48_000 }, (_, at) => {
    if (at < 16_000) return 0;
    const noise = ((at * 7919 * 104_729) % 20_001) - 10_000;
    return at < 32_000 ? 10_000 * Math.sin(at * 0.2) : noise;
  });
  const header = Buffer.alloc(44);
  header.write("RIFF\0\0\0\0WAVEfmt ", "latin1");
  const numbers = [16, 0x10001, 16_000, 32_000, 0x100002];
  for (const [index, number] of numbers.entries()) header.writeUInt32LE(number, 16 + 4 * index);
  header.write("data", 36);
  header.writeUInt32LE(pcm.byteLength, 40);
  const file = join(folder, "stream.wav");
  writeFileSync(file, Buffer.concat([header, Buffer.from(pcm.buffer)]));
  const listen = ["--json", "--threshold", "0.6", "--window", "0.375"];
  const told = execFileSync(
    graftlet,
    ["listen", "--backbone", backbone, "--adapter", folder, ...listen, file],
    { encoding: "utf8" },
  );
  const words = await page.evaluate(
    async (pcm) => {
      const { g } = window as unknown as Scope;
      const ears = g.listen({ with: "tones", threshold: 0.6, window: 0.375 });
      const samples = Float32Array.from(pcm, (x) => x / 32768);
      const found: Package.Detection[] = [];
      for (let at = 0; at < samples.length; at += 1700) {
        found.push(...(await ears.push(samples.subarray(at, at + 1700), 16_000)));
      }
      const labels = ears.scores.map(({ label }) => label);
      return { found: [...found, ...(await ears.end())], labels };
    },
    [...pcm],
  );
  expect(words.labels).toEqual(["noise", "tone"]);
  expect(words.found.length).toBeGreaterThan(0);
  const rounded = (words: readonly Package.Detection[]) =>
    words.map(({ label, at }) => `${label} ${at.toFixed(2)}`);
  const expected = told
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Package.Detection);
  expect(rounded(words.found)).toEqual(rounded(expected));
});

test("a run whose page goes away continues without the recordings, to the same bytes", {
  tag: "@core",
}, async ({ context, page }) => {
  await load(page, "sounds/whisper");
  const whole = await learn(page, { workers: 2 });
  await page.evaluate(() => (window as unknown as Scope).g.forget("tones"));
  const lost = await context.newPage();
  await load(lost, "sounds/whisper");
  const judged = lost.waitForEvent("console", (message) => message.text() === "eval 2");
  const running = learn(lost, { workers: 2 }).catch(() => undefined);
  await judged;
  await lost.close();
  await running;
  const next = await page.evaluate(async () => {
    const { g } = window as unknown as Scope;
    const [run] = await g.interrupted();
    const types = new Set<string>();
    for await (const event of g.continueTraining("tones")) types.add(event.type);
    const files = Object.entries(await g.exportAdapter("tones"));
    return {
      rows: run?.rows,
      isRead: types.has("reading"),
      files: files.map(([name, bytes]) => [name, [...bytes]] as const),
    };
  });
  expect(next).toEqual({ rows: 24, isRead: false, files: whole.files });
});
