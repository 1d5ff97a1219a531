import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readDropped as readWith } from "../files/dropped.js";
import { unzip } from "../files/unzip.js";
import { adapterFolders, safeName, zipFolder } from "../files/zip.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const files = { "adapter_config.json": bytes("{}"), "adapter_model.safetensors": bytes("weights") };

const readDropped = (files: Parameters<typeof readWith>[0]) => readWith(files, unzip);
const foldersOf = async (packed: Uint8Array, fallback: string) =>
  adapterFolders((await unzip(new Blob([packed as Uint8Array<ArrayBuffer>]))).files, fallback);

function dropped(name: string, content: Uint8Array | string) {
  const part = typeof content === "string" ? content : (content as Uint8Array<ArrayBuffer>);
  return { path: name, file: new File([part], name.split("/").at(-1) ?? name) };
}

describe("a zip", () => {
  it("comes back as the folder it was made from", async () => {
    const packed = zipFolder({ name: "my task", files });
    expect(await foldersOf(packed, "fallback")).toEqual([{ name: "my task", files }]);
  });

  it("is the same for the same adapter", () => {
    expect(zipFolder({ name: "a", files })).toEqual(zipFolder({ name: "a", files }));
  });

  it("without a folder takes the archive's name", async () => {
    expect(await foldersOf(zipSync(files), "spam")).toEqual([{ name: "spam", files }]);
  });

  it("may hold several adapters and what systems add", async () => {
    const packed = zipSync({
      "all/one/adapter_config.json": bytes("1"),
      "all/two/adapter_config.json": bytes("2"),
      "all/readme.md": bytes("about"),
      "all/one/.DS_Store": bytes("x"),
      "__MACOSX/all/one/adapter_config.json": bytes("x"),
    });
    expect((await foldersOf(packed, "all")).map(({ name }) => name)).toEqual(["one", "two"]);
  });
});

describe("readDropped", () => {
  it("takes a table for rows", async () => {
    const result = await readDropped([dropped("mine.CSV", "text,label\n")]);
    expect(result.type).toBe("rows");
  });

  it("leaves files that are no rows after all to the reader, which names them", async () => {
    for (const name of ["rows.xlsx", "rows.parquet", "page.html", "rows.csv.gz"]) {
      expect((await readDropped([dropped(name, "x")])).type).toBe("rows");
    }
  });

  it("says that rows have to be taken out of their archive", async () => {
    const archive = zipSync({ "__MACOSX/._rows.csv": bytes("x"), "data/rows.csv": bytes("a,b") });
    await expect(readDropped([dropped("rows.zip", archive)])).rejects.toThrow("“data/rows.csv”");
  });

  it("takes loose files, a folder and a zip for adapters", async () => {
    const loose = Object.entries(files).map(([name, content]) => dropped(name, content));
    const inFolder = Object.entries(files).map(([name, content]) =>
      dropped(`spam/${name}`, content),
    );
    const zipped = [dropped("spam.zip", zipFolder({ name: "spam", files }))];
    for (const [input, name] of [
      [loose, "adapter"],
      [inFolder, "spam"],
      [zipped, "spam"],
    ] as const) {
      expect(await readDropped(input)).toEqual({ type: "adapters", folders: [{ name, files }] });
    }
  });

  it("keeps two archives apart", async () => {
    const result = await readDropped([
      dropped("a.zip", zipSync(files)),
      dropped("b.zip", zipSync(files)),
    ]);
    expect(result.type === "adapters" && result.folders.map(({ name }) => name)).toEqual([
      "a",
      "b",
    ]);
  });

  it("says what is missing from anything else", async () => {
    await expect(readDropped([dropped("photo.png", "x")])).rejects.toThrow("photo.png");
    await expect(readDropped([])).rejects.toThrow("Nothing was dropped");
  });
});

describe("safeName", () => {
  it("keeps letters of any script and drops what file systems refuse", () => {
    expect(safeName("Größe/тест:1")).toBe("Größe-тест-1");
    expect(safeName("../..")).toBe("adapter");
  });
});
