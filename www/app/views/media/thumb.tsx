/**
 * A small picture. It is drawn and not linked, so that the page's policy needs no exception for files of the visitor's.
 */
import { useEffect, useRef } from "preact/hooks";

const SIDE = 144;

export function Thumb({ picture, title }: { picture: Blob; title: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let gone = false;
    void createImageBitmap(picture).then(
      (bitmap) => {
        const context = canvas.current?.getContext("2d");
        if (context && !gone) {
          const side = Math.min(bitmap.width, bitmap.height);
          const [x, y] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
          context.imageSmoothingQuality = "high";
          context.drawImage(bitmap, x, y, side, side, 0, 0, SIDE, SIDE);
        }
        bitmap.close();
      },
      () => {},
    );
    return () => {
      gone = true;
    };
  }, [picture]);
  return (
    <canvas ref={canvas} class="thumb" width={SIDE} height={SIDE} role="img" aria-label={title} />
  );
}
