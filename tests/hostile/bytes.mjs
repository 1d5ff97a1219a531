/** Bytes of the formats that hostile files are made of, written without a library so that they may say what is not so. */
import { crc32 } from "node:zlib";

/** The same numbers from 0 to 1 in every run (a linear congruential generator). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

export const json = (value) => Buffer.from(JSON.stringify(value));

export function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** `[count]` small float32 numbers. */
export function floats(count, seed = 1, scale = 0.05) {
  const next = random(seed);
  return Buffer.from(Float32Array.from({ length: count }, () => scale * (2 * next() - 1)).buffer);
}

/** A safetensors file with this header text, which need not fit the data. */
export function rawSafetensors(header, data = Buffer.alloc(0), length = undefined) {
  const text = Buffer.from(header);
  return Buffer.concat([u64(length ?? text.length), text, data]);
}

/** The header and the data of tensors `{ name: { shape, data, dtype? } }`. */
export function layOut(tensors) {
  const header = {};
  const data = [];
  let end = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const begin = end;
    end += tensor.data.length;
    data.push(tensor.data);
    header[name] = { dtype: tensor.dtype ?? "F32", shape: tensor.shape, data_offsets: [begin, end] };
  }
  return { header, data: Buffer.concat(data) };
}

/** A safetensors file of tensors. */
export function safetensors(tensors) {
  const { header, data } = layOut(tensors);
  return rawSafetensors(JSON.stringify(header), data);
}

/** A zip archive of stored entries `{ name, data, … }`; what an entry says replaces what would be true. */
export function zip(entries) {
  const bodies = [];
  const directory = [];
  let at = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const data = entry.data ?? Buffer.alloc(0);
    const header = Buffer.alloc(26);
    header.writeUInt16LE(20, 0);
    header.writeUInt16LE(entry.flags ?? 0, 2);
    header.writeUInt16LE(entry.method ?? 0, 4);
    header.writeUInt32LE(entry.crc ?? crc32(data), 10);
    header.writeUInt32LE(entry.packedSize ?? data.length, 14);
    header.writeUInt32LE(entry.size ?? data.length, 18);
    header.writeUInt16LE(name.length, 22);
    const offset = entry.offset ?? at;
    const body = Buffer.concat([Buffer.from("PK\x03\x04"), header, name, data]);
    bodies.push(body);
    at += body.length;
    const rest = Buffer.alloc(14);
    // The mode of a Unix file, of which a link is one.
    rest.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), header, rest, name);
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(listed.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...bodies, listed, Buffer.from("PK\x05\x06"), end]);
}

/** `text` again and again, up to that many bytes. */
export const repeated = (text, bytes) => Buffer.alloc(bytes, text);
