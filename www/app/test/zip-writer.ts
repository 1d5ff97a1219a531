/** Writes ZIP archives byte by byte, with any field replaced. */
import { crc32, deflateRawSync } from "node:zlib";

export interface Part {
  name: string | Buffer;
  data?: Buffer;
  /** As it lies in the archive; by default `data`, packed. */
  packed?: Buffer;
  method?: number;
  flags?: number;
  crc?: number;
  size?: number;
  packedSize?: number;
  /** What the local header says instead. */
  local?: { name?: string; crc?: number; size?: number; packedSize?: number; method?: number };
  /** The local header of another part instead of one's own. */
  sharesWith?: number;
  offset?: number;
  extra?: Buffer;
  disk?: number;
}

interface Shape {
  entries?: number;
  directorySize?: number;
  directoryOffset?: number;
  disk?: number;
  comment?: Buffer;
  before?: Buffer;
  after?: Buffer;
  zip64?: { entries?: bigint; size?: bigint; offset?: bigint };
}

export const u16 = (value: number) => Buffer.from([value & 255, (value >> 8) & 255]);
export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
export const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};

/** Puts an archive together; what a part or the shape says replaces what would be true. */
export function archive(parts: readonly Part[], shape: Shape = {}): Uint8Array<ArrayBuffer> {
  const bodies: Buffer[] = [shape.before ?? Buffer.alloc(0)];
  const directory: Buffer[] = [];
  const offsets: number[] = [];
  let at = bodies[0]?.length ?? 0;
  for (const part of parts) {
    const data = part.data ?? Buffer.alloc(0);
    const method = part.method ?? 8;
    const packed = part.packed ?? (method === 8 ? deflateRawSync(data, { level: 9 }) : data);
    const name = Buffer.from(part.name as string);
    const crc = part.crc ?? crc32(data);
    const size = part.size ?? data.length;
    const packedSize = part.packedSize ?? packed.length;
    const flags = part.flags ?? 0x800;
    const extra = part.extra ?? Buffer.alloc(0);
    const header = (one: NonNullable<Part["local"]>) => {
      const own = one.name === undefined ? name : Buffer.from(one.name);
      return [
        u16(20),
        u16(flags),
        u16(one.method ?? method),
        u32(0x5a210000),
        u32(one.crc ?? crc),
        u32(one.packedSize ?? packedSize),
        u32(one.size ?? size),
        u16(own.length),
        u16(extra.length),
      ];
    };
    let offset = at;
    if (part.sharesWith !== undefined) offset = offsets[part.sharesWith] ?? 0;
    else {
      const localName = Buffer.from(part.local?.name ?? (part.name as string));
      const body = [u32(0x04034b50), ...header(part.local ?? {}), localName, extra, packed];
      bodies.push(...body);
      at += body.reduce((sum, piece) => sum + piece.length, 0);
    }
    offsets.push(offset);
    directory.push(
      Buffer.concat([
        u32(0x02014b50),
        u16(0x031e),
        ...header({}),
        u16(0),
        u16(part.disk ?? 0),
        u16(0),
        u32(0),
        u32(part.offset ?? offset),
        name,
        extra,
      ]),
    );
  }
  const listed = Buffer.concat(directory);
  const comment = shape.comment ?? Buffer.alloc(0);
  const zip64 = shape.zip64
    ? [
        u32(0x06064b50),
        u64(44n),
        u16(45),
        u16(45),
        u32(0),
        u32(0),
        u64(shape.zip64.entries ?? BigInt(parts.length)),
        u64(shape.zip64.entries ?? BigInt(parts.length)),
        u64(shape.zip64.size ?? BigInt(listed.length)),
        u64(shape.zip64.offset ?? BigInt(at)),
        u32(0x07064b50),
        u32(0),
        u64(BigInt(at + listed.length)),
        u32(1),
      ]
    : [];
  const entries = shape.entries ?? (shape.zip64 ? 0xffff : parts.length);
  const whole = Buffer.concat([
    ...bodies,
    listed,
    ...zip64,
    u32(0x06054b50),
    u16(shape.disk ?? 0),
    u16(0),
    u16(entries),
    u16(entries),
    u32(shape.directorySize ?? (shape.zip64 ? 0xffffffff : listed.length)),
    u32(shape.directoryOffset ?? (shape.zip64 ? 0xffffffff : at)),
    u16(comment.length),
    comment,
    shape.after ?? Buffer.alloc(0),
  ]);
  return Uint8Array.from(whole);
}

/** A zip64 extra field with these numbers. */
export const extra64 = (...values: bigint[]) =>
  Buffer.concat([u16(1), u16(values.length * 8), ...values.map(u64)]);
