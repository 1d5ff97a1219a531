/**
 * Archives that nobody packs in good faith, made byte by byte, each with the code of its refusal; and odd ones that are
 * right, with none.
 */
import { crc32, deflateRawSync } from "node:zlib";
import type { ArchiveCode } from "../files/archive-error.js";
import { archive, extra64, type Part } from "./zip-writer.js";

export interface Case {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** `null`: it is read, with these files. */
  code: ArchiveCode | null;
  files?: Record<string, number>;
}

const CONFIG = "adapter_config.json";
const JSON_BYTES = Buffer.from('{"peft_type":"LORA"}');

const config = (folder = ""): Part => ({ name: `${folder}${CONFIG}`, data: JSON_BYTES });
const weights = (size: number, folder = ""): Part => ({
  name: `${folder}adapter_model.safetensors`,
  data: Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7919 + (i >> 3)) & 255)),
});
const good = () => archive([config(), weights(5000)]);
const damaged = (name: string, bytes: Uint8Array<ArrayBuffer>): Case => ({
  name,
  bytes,
  code: "archive_damaged",
});

function flipped(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 0x40;
  return copy;
}

/** All of them. */
export function hostileZips(): Case[] {
  const zeros = (megabytes: number) => Buffer.alloc(megabytes * 1e6);
  const whole = good();
  const cases: Case[] = [];
  const add = (
    name: string,
    code: Case["code"],
    bytes: Uint8Array<ArrayBuffer>,
    files?: string[],
  ) =>
    cases.push({
      name,
      code,
      bytes,
      ...(files && { files: Object.fromEntries(files.map((file) => [file, 1])) }),
    });

  // Bombs.
  add(
    "ratio 1000, 50 MB",
    "archive_expands",
    archive([config(), { name: "w.bin", data: zeros(50) }]),
  );
  add(
    "ratio 1000, 2 MB",
    "archive_expands",
    archive([config(), { name: "w.bin", data: zeros(2) }]),
  );
  add(
    "ratio 1000, 120 MB",
    "archive_too_large",
    archive([config(), { name: "w.bin", data: zeros(120) }]),
  );
  add(
    "a bomb that says it is small",
    "archive_damaged",
    archive([config(), { name: "w.bin", data: zeros(60), size: 900_000 }]),
  );
  add(
    "a bomb that says it is nothing",
    "archive_damaged",
    archive([config(), { name: "w.bin", data: zeros(60), size: 0 }]),
  );
  add("a bomb as the config", "archive_expands", archive([{ name: CONFIG, data: zeros(90) }]));
  add(
    "many files that together are too large",
    "archive_too_large",
    archive([
      config(),
      ...Array.from(
        { length: 200 },
        (_, i): Part => ({ name: `w${i}`, data: Buffer.alloc(900_000) }),
      ),
    ]),
  );
  const inner = archive([{ name: "w.bin", data: zeros(50) }]);
  add(
    "nested bombs are not unpacked",
    null,
    archive([config(), { name: "inner.zip", data: Buffer.from(inner), method: 0 }]),
    [CONFIG, "inner.zip"],
  );
  add(
    "a nested adapter is not looked for",
    null,
    archive([{ name: "a.zip", data: Buffer.from(whole) }]),
    [],
  );
  add(
    "a bomb beside the adapter is left packed",
    null,
    archive([config("a/"), { name: "b/w.bin", data: zeros(110) }]),
    [`a/${CONFIG}`],
  );
  const kernel: Part = { name: "w0", data: Buffer.alloc(900_000, 1) };
  add(
    "one body for a thousand files",
    "archive_too_large",
    archive([
      config(),
      kernel,
      ...Array.from(
        { length: 1000 },
        (_, i): Part => ({ ...kernel, name: `v${i}`, sharesWith: 1 }),
      ),
    ]),
  );
  add(
    "one body for two files",
    "archive_overlapping",
    archive([config(), kernel, { ...kernel, name: "v", sharesWith: 1, local: {} }]),
  );
  add(
    "one body for two files of one header",
    "archive_overlapping",
    archive([
      config(),
      { ...kernel, local: { name: "w0" } },
      { ...kernel, name: "w1", sharesWith: 1 },
    ]),
  );

  // Checksums.
  add(
    "wrong CRC of the weights",
    "archive_checksum",
    archive([config(), { ...weights(5000), crc: 1 }]),
  );
  add(
    "wrong CRC of the config",
    "archive_checksum",
    archive([{ ...config(), crc: 0 }, weights(10)]),
  );
  add(
    "wrong CRC of a stored file",
    "archive_checksum",
    archive([config(), { ...weights(99), method: 0, crc: 5 }]),
  );
  add(
    "CRC with one bit off",
    "archive_checksum",
    archive([{ ...config(), crc: crc32(JSON_BYTES) ^ 1 }]),
  );
  add(
    "a flipped bit in a stored file",
    "archive_checksum",
    flipped(archive([{ ...config(), method: 0 }]), 30 + CONFIG.length + 3),
  );

  // Counts.
  const many = (count: number) =>
    Array.from({ length: count }, (_, i): Part => ({ name: `f${i}`, method: 0 }));
  add("5,001 files", "archive_too_many_files", archive([config(), ...many(5001)]));
  add("65,000 files", "archive_too_many_files", archive([config(), ...many(65_000)]));
  add(
    "20,000 folders",
    "archive_too_many_files",
    archive([
      config(),
      ...Array.from({ length: 20_000 }, (_, i): Part => ({ name: `d${i}/`, method: 0 })),
    ]),
  );
  add("says 65,535 files and has one", "archive_damaged", archive([config()], { entries: 65_534 }));
  add("says two files and has one", "archive_damaged", archive([config()], { entries: 2 }));
  add("says no file and has one", null, archive([config()], { entries: 0 }), []);

  // Paths.
  for (const path of [
    `../${CONFIG}`,
    `../../../../etc/${CONFIG}`,
    `/etc/${CONFIG}`,
    `C:\\Windows\\${CONFIG}`,
    `..\\..\\${CONFIG}`,
    `a/../../${CONFIG}`,
    `C:${CONFIG}`,
    `\\\\server\\share\\${CONFIG}`,
  ]) {
    add(`path ${path}`, "archive_paths", archive([{ name: path, data: JSON_BYTES }]));
  }
  add(
    "a NUL in a path",
    "archive_paths",
    archive([config(), { name: "a\0b.bin", data: JSON_BYTES }]),
  );
  add(
    "an escape in a path",
    "archive_paths",
    archive([config(), { name: "a\u001b[2Jb", data: JSON_BYTES }]),
  );
  add(
    "a line break in a path",
    "archive_paths",
    archive([config(), { name: "a\nb", data: JSON_BYTES }]),
  );
  add(
    "a file without a name",
    "archive_paths",
    archive([config(), { name: "", data: JSON_BYTES }]),
  );
  add("one path twice", "archive_paths", archive([config(), config()]));
  add("one path twice, by a slash", "archive_paths", archive([config("a/"), config("a//")]));
  add("one path twice, by a backslash", "archive_paths", archive([config("a/"), config("a\\")]));
  add("one path twice, by a dot", "archive_paths", archive([config("a/"), config("./a/")]));
  add("__proto__", null, archive([config(), { name: "__proto__", data: JSON_BYTES }]), [
    CONFIG,
    "__proto__",
  ]);
  add(
    "__proto__ as a folder",
    null,
    archive([config("__proto__/"), { name: "constructor/prototype", data: JSON_BYTES }]),
    [`__proto__/${CONFIG}`],
  );
  add(
    "a path of 60,000 characters",
    null,
    archive([config(), { name: "x".repeat(60_000), data: JSON_BYTES }]),
    [CONFIG, "x".repeat(60_000)],
  );
  add("a path 20,000 folders deep", null, archive([config("a/".repeat(20_000))]), [
    `${"a/".repeat(20_000)}${CONFIG}`,
  ]);
  add(
    "names that are no UTF-8",
    null,
    archive([config(), { name: Buffer.from([0xff, 0xfe, 0x80]), data: JSON_BYTES }]),
  );
  add(
    "another name in the local header",
    "archive_overlapping",
    archive([config(), { ...weights(50), local: { name: "adapter_model.safetensorz" } }]),
  );

  // Sizes that are not true.
  add(
    "unpacks to less than it says",
    "archive_checksum",
    archive([config(), { ...weights(50), size: 51 }]),
  );
  add(
    "unpacks to more than it says",
    "archive_damaged",
    archive([config(), { ...weights(50), size: 49 }]),
  );
  add("says 4 GB", "archive_too_large", archive([config(), { ...weights(50), size: 0xfffffffe }]));
  add(
    "packed size past the end",
    "archive_damaged",
    archive([config(), { ...weights(50), packedSize: 1e9 }]),
  );
  add(
    "stored, with two sizes",
    "archive_damaged",
    archive([config(), { ...weights(50), method: 0, size: 5000 }]),
  );
  add(
    "another size in the local header",
    "archive_overlapping",
    archive([config(), { ...weights(50), local: { size: 70 } }]),
  );
  add(
    "another method in the local header",
    "archive_overlapping",
    archive([config(), { ...weights(50), local: { method: 0 } }]),
  );

  // Zip64.
  add("zip64 that is true", null, archive([config()], { zip64: {} }), [CONFIG]);
  add(
    "zip64 with 2^63 files",
    "archive_damaged",
    archive([config()], { zip64: { entries: 1n << 63n } }),
  );
  add(
    "zip64 with 2^40 files",
    "archive_damaged",
    archive([config()], { zip64: { entries: 1n << 40n } }),
  );
  add(
    "zip64 with a directory of 2^50 bytes",
    null,
    archive([config()], { zip64: { size: 1n << 50n } }),
    [CONFIG],
  );
  add(
    "zip64 with an offset of 2^62",
    "archive_damaged",
    archive([config()], { zip64: { offset: 1n << 62n } }),
  );
  add(
    "zip64 size of 2^60",
    "archive_too_large",
    archive([config(), { ...weights(50), size: 0xffffffff, extra: extra64(1n << 52n) }]),
  );
  add(
    "zip64 size past what numbers hold",
    "archive_damaged",
    archive([config(), { ...weights(50), size: 0xffffffff, extra: extra64((1n << 64n) - 1n) }]),
  );
  add(
    "zip64 is said and missing",
    "archive_too_large",
    archive([config(), { ...weights(50), size: 0xffffffff }]),
  );

  // Locked, and packed otherwise.
  add("encrypted", "archive_encrypted", archive([config(), { ...weights(50), flags: 0x801 }]));
  add("encrypted config", "archive_encrypted", archive([{ ...config(), flags: 0x801 }]));
  add(
    "strongly encrypted",
    "archive_encrypted",
    archive([config(), { ...weights(50), flags: 0x841 }]),
  );
  for (const [method, name] of [
    [1, "shrunk"],
    [9, "deflate64"],
    [12, "bzip2"],
    [14, "LZMA"],
    [93, "zstd"],
    [95, "xz"],
    [0xffff, "unknown"],
  ] as const) {
    add(
      `packed as ${name}`,
      "archive_unsupported",
      archive([config(), { ...weights(50), method, packed: Buffer.alloc(30) }]),
    );
  }
  add("one disk of several", "archive_unsupported", archive([config()], { disk: 3 }));

  // Cut short and damaged.
  for (const share of [0, 0.1, 0.3, 0.5, 0.9]) {
    cases.push(
      damaged(`cut to ${share * 100} %`, whole.slice(0, Math.floor(whole.length * share))),
    );
  }
  cases.push(damaged("without its last byte", whole.slice(0, -1)));
  cases.push(damaged("only the end record", whole.slice(-22)));
  cases.push(damaged("text", Uint8Array.from(Buffer.from("not a zip"))));
  cases.push(damaged("only PK", Uint8Array.from(Buffer.from("PK\x03\x04"))));
  cases.push(damaged("zeros", new Uint8Array(100_000)));
  add(
    "garbage as deflate",
    "archive_checksum",
    archive([config(), { ...weights(50), packed: Buffer.alloc(40, 0xff) }]),
  );
  cases.push(
    damaged(
      "deflate that never ends",
      archive([
        config(),
        { ...weights(50), packed: deflateRawSync(Buffer.alloc(500)).subarray(0, -1) },
      ]),
    ),
  );
  // The directory is found where it lies, right before its end record.
  add("directory past the end", null, archive([config()], { directoryOffset: 0x7fffffff }), [
    CONFIG,
  ]);
  add("a directory that is too long", null, archive([config()], { directorySize: 0x7fffffff }), [
    CONFIG,
  ]);
  cases.push(damaged("an offset past the end", archive([{ ...config(), offset: 0x7fffff }])));
  cases.push(damaged("an offset into the directory", archive([{ ...config(), offset: 60 }])));

  // Odd, and right.
  add("an empty archive", null, archive([]), []);
  add("with a comment", null, archive([config()], { comment: Buffer.alloc(60_000, 65) }), [CONFIG]);
  add("stored", null, archive([{ ...config(), method: 0 }]), [CONFIG]);
  add("an empty file", null, archive([config(), { name: "empty" }]), [CONFIG, "empty"]);
  add("backslashes", null, archive([config("a\\b\\")]), [`a\\b\\${CONFIG}`]);
  add(
    "zeros in measure",
    null,
    archive([config(), { name: "zeros", data: Buffer.alloc(900_000) }]),
    [CONFIG, "zeros"],
  );
  return cases;
}
