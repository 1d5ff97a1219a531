/** Files and bitmaps as pixels, in the worker. */
import { GraftletError } from "./errors.js";
import type { Bitmap, Pixels } from "./types.js";

/** Most pixels along a side, as the engine has it: larger ones are refused before a canvas is made for them. */
const LONGEST_SIDE = 16_384;

/** The pixels as the file has them, turned as its EXIF data say. */
export async function pixelsOf(given: Blob | Bitmap, place: string): Promise<Pixels> {
  if (typeof createImageBitmap !== "function" || typeof OffscreenCanvas !== "function") {
    throw new GraftletError(
      "unsupported_feature",
      `${place} is a file, and nothing here decodes pictures: give { width, height, data } with the bytes of red, green, blue and opacity of its pixels.`,
    );
  }
  const bitmap = given instanceof Blob ? await decoded(given, place) : (given as ImageBitmap);
  try {
    const { width, height } = bitmap;
    if (Math.max(width, height) > LONGEST_SIDE) {
      throw new GraftletError(
        "picture_too_large",
        `${place} is ${width} x ${height} pixels, which is too large: at most ${LONGEST_SIDE} a side are read: make it smaller.`,
      );
    }
    const context = new OffscreenCanvas(width, height).getContext("2d", {
      willReadFrequently: true,
    });
    if (!context)
      throw invalid(place, "this browser has no memory for its pixels; make it smaller");
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, data: new Uint8Array(data.buffer) };
  } catch (thrown) {
    if (thrown instanceof GraftletError) throw thrown;
    throw invalid(
      place,
      `its pixels cannot be had (${(thrown as Error).message}); make it smaller`,
    );
  } finally {
    // The worker's own: the caller's was copied.
    bitmap.close();
  }
}

async function decoded(file: Blob, place: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    const reason = file.size === 0 ? "it is empty" : "this browser does not decode it";
    throw invalid(place, `${reason}; give a JPEG, PNG, GIF, WebP or BMP file`);
  }
}

function invalid(place: string, reason: string): GraftletError {
  return new GraftletError("picture_invalid", `${place} cannot be read as a picture: ${reason}.`);
}
