/** Files of `torch.save` whose pickles lie. */
import { floats, zip } from "./bytes.mjs";
import { LAYER, WEIGHTS, folder, tensors } from "./folder.mjs";

export function pickles() {
  const cases = [];
  const put = (name, archive, must = "error") =>
    cases.push({
      name: `pickle: ${name}`,
      must,
      make: () => folder({ [WEIGHTS]: null, "adapter_model.bin": archive() }),
    });
  const text = (value) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([Buffer.from("X"), length, bytes]);
  };
  const int = (value) => {
    const bytes = Buffer.alloc(5, "J");
    bytes.writeInt32LE(value, 1);
    return bytes;
  };
  const tensor = (key, storage, count, shape, strides, offset = 0, kind = "FloatStorage") => [
    text(key),
    Buffer.from("ctorch._utils\n_rebuild_tensor_v2\n(("),
    text("storage"),
    Buffer.from(`ctorch\n${kind}\n`),
    text(storage),
    text("cpu"),
    int(count),
    Buffer.from("tQ"),
    int(offset),
    ...[shape, strides].flatMap((axes) => [Buffer.from("("), ...axes.map(int), Buffer.from("t")]),
    Buffer.from("\x89ccollections\nOrderedDict\n)RtR", "latin1"),
  ];
  const [a, b] = [`${LAYER}.lora_A.weight`, `${LAYER}.lora_B.weight`];
  const dictionary = (...parts) =>
    Buffer.concat([Buffer.from("\x80\x02}q\x00(", "latin1"), ...parts.flat(), Buffer.from("u.")]);
  const good = () =>
    dictionary(tensor(a, "0", 768, [2, 384], [384, 1]), tensor(b, "1", 768, [384, 2], [2, 1]));
  const entries = (pickle, more = {}) => [
    { name: "a/data.pkl", data: pickle, ...more },
    { name: "a/data/0", data: floats(768, 1) },
    { name: "a/data/1", data: floats(768, 2) },
    { name: "a/version", data: Buffer.from("3\n") },
  ];
  const torch = (pickle, more) => zip(entries(pickle, more));
  put("a right one", () => torch(good()), "answer");
  for (const [name, global] of Object.entries({
    system: "cos\nsystem\n(X\x07\0\0\0echo hitR.",
    eval: "c__builtin__\neval\n(X\x03\0\0\x001+1tR.",
    "a subprocess": "csubprocess\nPopen\n(](X\x02\0\0\0lstR.",
    "a class of its own": "cevil\nThing\n)\x81.",
    "an escape in a name": "c\u001b[2J\nx\n.",
  })) {
    put(name, () => torch(Buffer.from(`\x80\x02${global}`, "latin1")));
  }
  put("an empty one", () => torch(Buffer.alloc(0)));
  put("one that never ends", () => torch(good().subarray(0, -1)));
  put("one of nothing", () => torch(Buffer.from("\x80\x02N.", "latin1")));
  put("lists a million deep", () => torch(Buffer.concat([Buffer.from("\x80\x02", "latin1"), Buffer.alloc(1e6, "]"), Buffer.from(".")])));
  put("tuples a million deep", () => torch(Buffer.concat([Buffer.from("\x80\x02)", "latin1"), Buffer.alloc(1e6, "\x85", "latin1"), Buffer.from(".")])));
  put("a million marks", () => torch(Buffer.concat([Buffer.from("\x80\x02", "latin1"), Buffer.alloc(1e6, "("), Buffer.from("t.")])));
  put("a list that doubles", () =>
    torch(Buffer.concat([Buffer.from("\x80\x02]q\0", "latin1"), ...Array(64).fill(Buffer.from("(h\0h\0lq\0", "latin1")), Buffer.from(".")])),
  );
  put("a string of 4 GB", () => torch(Buffer.from("\x80\x02X\xff\xff\xff\xffab.", "latin1")));
  put("a number of 2 GB", () => torch(Buffer.from("\x80\x02\x8b\xff\xff\xff\x7f1.", "latin1")));
  put("a memory that is not there", () => torch(Buffer.from("\x80\x02h\x07.", "latin1")));
  put("a stack that is empty", () => torch(Buffer.from("\x80\x02RRRR.", "latin1")));
  put("a million tensors of one storage", () =>
    torch(dictionary(...Array.from({ length: 20_000 }, (_, i) => tensor(`t${i}`, "0", 768, [2, 384], [384, 1])))),
  );
  put("a shape that overflows", () => torch(dictionary(tensor(a, "0", 768, [2 ** 30, 2 ** 30], [1, 1]))));
  put("strides of nothing", () => torch(dictionary(tensor(a, "0", 768, [2 ** 30, 2 ** 20], [0, 0]))));
  put("strides past the end", () => torch(dictionary(tensor(a, "0", 768, [2, 384], [2 ** 30, 1]))));
  put("negative strides", () => torch(dictionary(tensor(a, "0", 768, [2, 384], [-384, -1]))));
  put("an offset past the end", () => torch(dictionary(tensor(a, "0", 768, [2, 384], [384, 1], 2 ** 30))));
  put("a negative offset", () => torch(dictionary(tensor(a, "0", 768, [2, 384], [384, 1], -5))));
  put("a storage that is not there", () => torch(dictionary(tensor(a, "9", 768, [2, 384], [384, 1]))));
  put("a storage of a path", () => torch(dictionary(tensor(a, "../../0", 768, [2, 384], [384, 1]))));
  put("a type that is not known", () => torch(dictionary(tensor(a, "0", 768, [2, 384], [384, 1], 0, "EvilStorage"))));
  put("complex numbers", () => torch(dictionary(tensor(a, "0", 768, [2, 384], [384, 1], 0, "ComplexFloatStorage"))));
  put("a wrong checksum", () => torch(good(), { crc: 7 }));
  put("a size of 4 GB", () => torch(good(), { size: 0xfffffffe }));
  put("packed sizes past the end", () => torch(good(), { packedSize: 0x7fffffff, size: 0x7fffffff }));
  put("an encrypted archive", () => torch(good(), { flags: 1 }));
  put("an unknown packing", () => torch(good(), { method: 99 }));
  put("deflate that is none", () => torch(good(), { method: 8 }));
  put("an offset past the archive", () => torch(good(), { offset: 0x7fffffff }));
  put("a list twice", () => zip([...entries(good()), ...entries(good())]), "either");
  put("a link", () => zip([{ name: "a/data.pkl", data: Buffer.from("/etc/passwd"), mode: 0o120777 }]));
  put("a path out of the archive", () => zip([{ name: "../../a/data.pkl", data: good() }]));
  put("65,000 entries", () =>
    zip(Array.from({ length: 65_000 }, (_, i) => ({ name: `a/data/${i}`, data: Buffer.alloc(0) }))),
  );
  put("no archive", () => Buffer.from("not a zip"));
  put("an archive of nothing", () => zip([]));
  put("the format of before 2020", () => Buffer.from("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "latin1"));
  return cases;
}
