/**
 * Why a microphone or a camera cannot be used, and what to do about it.
 */

export type Device = "microphone" | "camera";

/** An error that is a sentence for the visitor. */
export class DeviceTrouble extends Error {
  override readonly name = "DeviceTrouble";
}

/** The sentence for what `getUserMedia` has thrown. */
export function troubleOf(device: Device, error: unknown): DeviceTrouble {
  return new DeviceTrouble(sentence(device, error instanceof Error ? error.name : ""));
}

/** What to say when a device that was in use is gone. */
export function lost(device: Device): DeviceTrouble {
  return new DeviceTrouble(
    `The ${device} is gone: it was unplugged, or its permission was taken back. Connect it and try again.`,
  );
}

/** Whether what a device gave has ended. */
export function isOver(stream: MediaStream): boolean {
  return stream.getTracks().every(({ readyState }) => readyState === "ended");
}

/** What to say when the system stopped the sound, as phones do for a call. */
export function interrupted(): DeviceTrouble {
  return new DeviceTrouble(
    "The microphone was interrupted, most often by a call or by another program. Try again when that has ended.",
  );
}

/** Whether the browser gives this page devices at all: over plain HTTP it does not. */
export function hasDevices(): boolean {
  return Boolean(globalThis.navigator?.mediaDevices?.getUserMedia);
}

function sentence(device: Device, name: string): string {
  const files = device === "microphone" ? "recordings" : "pictures";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return `The browser does not let this page use the ${device}. Allow it beside the page's address and in the system's settings, or choose files with ${files}.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${device} was found. Connect one and try again, or choose files with ${files}.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${device} is there but gives nothing: another program may be using it. Close that program and try again.`;
    case "NoDevices":
      return `This browser offers no ${device} here. Open the page over HTTPS, or choose files with ${files}.`;
    default:
      return `The ${device} could not be started. Try again, or choose files with ${files}.`;
  }
}
