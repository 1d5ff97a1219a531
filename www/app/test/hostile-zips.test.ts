import { describe, expect, it } from "vitest";
import { ArchiveError } from "../files/archive-error.js";
import { unzip } from "../files/unzip.js";
import { hostileZips } from "./hostile-zips.js";

describe("an archive that is", () => {
  let slowest = { name: "", ms: 0 };
  for (const { name, bytes, code, files } of hostileZips()) {
    const short = name.length > 60 ? `${name.slice(0, 60)}…` : name;
    it(code === null ? `${short}: is read` : `${short}: ${code}`, async () => {
      const began = performance.now();
      const outcome = await unzip(new Blob([bytes])).catch((error: unknown) => error);
      const ms = performance.now() - began;
      if (ms > slowest.ms) slowest = { name, ms };
      if (code === null) {
        expect(outcome).not.toBeInstanceOf(Error);
        const read = outcome as Awaited<ReturnType<typeof unzip>>;
        if (files)
          expect(read.files.map(([path]) => path).sort()).toEqual(Object.keys(files).sort());
        return;
      }
      expect(outcome).toBeInstanceOf(ArchiveError);
      expect((outcome as ArchiveError).code, (outcome as ArchiveError).message).toBe(code);
      expect((outcome as ArchiveError).message).toMatch(/\.$/);
    });
  }
  it("any of these takes a moment at most", () => {
    console.log(`slowest hostile archive: ${slowest.name}, ${Math.round(slowest.ms)} ms`);
  });
});
