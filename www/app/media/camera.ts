/**
 * The camera as a stream and as single pictures. While it is open the browser shows that; `close` ends it.
 */
import { hasDevices, isOver, lost, troubleOf } from "./device-trouble.js";

/** The side of a picture from the camera: more than models of pictures read. */
const SIDE = 256;

/** On a phone the camera at its back: it is things that are shown to it. */
const WANTED: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  facingMode: { ideal: "environment" },
};

export interface Camera {
  readonly stream: MediaStream;
  /** The square in the middle of what it sees now; null before the first picture. */
  look(): ImageData | null;
  close(): void;
}

/** Opens the camera. Throws a `DeviceTrouble` with a sentence; `onLost` is called when it ends by itself. */
export async function openCamera(onLost: (error: Error) => void): Promise<Camera> {
  if (!hasDevices()) {
    throw troubleOf("camera", Object.assign(new Error(), { name: "NoDevices" }));
  }
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: WANTED });
  } catch (error) {
    throw troubleOf("camera", error);
  }
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  const close = () => {
    for (const track of stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    video.srcObject = null;
  };
  let opened = false;
  for (const track of stream.getVideoTracks()) {
    track.onended = () => {
      close();
      // Before it is open the one who waits for it is told.
      if (opened) onLost(lost("camera"));
    };
  }
  try {
    await video.play();
  } catch (error) {
    close();
    throw isOver(stream) ? lost("camera") : troubleOf("camera", error);
  }
  opened = true;
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return {
    stream,
    look() {
      const { videoWidth: width, videoHeight: height } = video;
      if (!context || width === 0) return null;
      const side = Math.min(width, height);
      context.imageSmoothingQuality = "high";
      const [x, y] = [(width - side) / 2, (height - side) / 2];
      context.drawImage(video, x, y, side, side, 0, 0, SIDE, SIDE);
      return context.getImageData(0, 0, SIDE, SIDE);
    },
    close,
  };
}

/** A picture as a file, without loss. */
export async function toFile(picture: ImageData): Promise<Blob> {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
