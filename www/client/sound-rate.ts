/**
 * The sample rate that a file of sound says it has. A browser resamples what it decodes to a rate that it is told, and the
 * engine has a better filter.
 */

/** Samples of a second of MPEG-1 audio, by two bits of a frame's header. */
const MPEG = [44_100, 48_000, 32_000];

/** The rate of a FLAC, Ogg, MP3 or M4A file; undefined where it is not found. */
export function rateOf(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found = flac(view) ?? ogg(view) ?? mp4(view) ?? mp3(view);
  return found !== undefined && found >= 8_000 && found <= 96_000 ? found : undefined;
}

function isAt(view: DataView, at: number, name: string): boolean {
  if (at < 0 || at + name.length > view.byteLength) return false;
  return [...name].every((letter, index) => view.getUint8(at + index) === letter.charCodeAt(0));
}

/** Where the name is first, from one place to another. */
function find(view: DataView, name: string, from: number, to: number): number | undefined {
  const end = Math.min(to, view.byteLength - name.length);
  for (let at = from; at <= end; at += 1) if (isAt(view, at, name)) return at;
  return undefined;
}

/** In the first block, behind its header and the sizes of blocks and frames, 20 bits. */
function flac(view: DataView): number | undefined {
  return isAt(view, 0, "fLaC") && view.byteLength >= 22 ? view.getUint32(18) >>> 12 : undefined;
}

/** In the first packet. Opus is decoded at 48 kHz, whatever was recorded. */
function ogg(view: DataView): number | undefined {
  if (!isAt(view, 0, "OggS")) return undefined;
  if (find(view, "OpusHead", 0, 300) !== undefined) return 48_000;
  const vorbis = find(view, "vorbis", 0, 300);
  return vorbis !== undefined && vorbis + 15 <= view.byteLength
    ? view.getUint32(vorbis + 11, true)
    : undefined;
}

/** In the entry of the table of sample descriptions, 24 bytes behind its name, as 16 bits and a fraction. */
function mp4(view: DataView): number | undefined {
  if (!isAt(view, 4, "ftyp")) return undefined;
  const table = find(view, "stsd", 0, view.byteLength);
  const entry = table === undefined ? undefined : find(view, "mp4a", table, table + 64);
  return entry !== undefined && entry + 30 <= view.byteLength
    ? view.getUint16(entry + 28)
    : undefined;
}

/** In the header of the first frame, behind a tag whose length has 7 bits a byte. */
function mp3(view: DataView): number | undefined {
  let at = 0;
  if (isAt(view, 0, "ID3") && view.byteLength > 10) {
    for (let byte = 6; byte < 10; byte += 1) at = at * 128 + (view.getUint8(byte) & 127);
    at += 10;
  }
  if (at + 4 > view.byteLength || view.getUint16(at) >>> 5 !== 0x7ff) return undefined;
  const version = (view.getUint8(at + 1) >> 3) & 3;
  const rate = MPEG[(view.getUint8(at + 2) >> 2) & 3];
  // MPEG-2 has half the rates of MPEG-1, and MPEG-2.5 a quarter.
  return rate && rate / (version === 3 ? 1 : version === 2 ? 2 : 4);
}
