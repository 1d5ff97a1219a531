/**
 * The microphone as a stream of samples. While it is open the browser shows that it records; `close` ends that.
 */
import { hasDevices, interrupted, isOver, lost, troubleOf } from "./device-trouble.js";
import worklet from "./recorder.worklet.ts?worker&url";

/** The voice as the room has it: what browsers do for calls would change what the model learns. */
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export interface Hears {
  samples(part: Float32Array, rate: number): void;
  /** It cannot go on; the microphone is closed. */
  failed(error: Error): void;
}

export interface Microphone {
  readonly rate: number;
  close(): void;
}

/** Opens the microphone. Throws a `DeviceTrouble` with a sentence. */
export async function openMicrophone(hears: Hears): Promise<Microphone> {
  if (!hasDevices() || typeof AudioWorkletNode === "undefined") {
    throw troubleOf("microphone", Object.assign(new Error(), { name: "NoDevices" }));
  }
  let stream: MediaStream | undefined;
  let context: AudioContext | undefined;
  const close = () => {
    for (const track of stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    if (context && context.state !== "closed") void context.close();
  };
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: RAW });
    context = new AudioContext();
    await context.audioWorklet.addModule(worklet);
    await context.resume();
  } catch (error) {
    close();
    throw troubleOf("microphone", error);
  }
  if (isOver(stream)) {
    close();
    throw lost("microphone");
  }
  const { sampleRate: rate } = context;
  const node = new AudioWorkletNode(context, "graftlet-recorder", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => hears.samples(data, rate);
  context.createMediaStreamSource(stream).connect(node);
  const end = () => {
    node.port.onmessage = null;
    if (context) context.onstatechange = null;
    close();
  };
  const fail = (error: Error) => {
    end();
    hears.failed(error);
  };
  for (const track of stream.getAudioTracks()) track.onended = () => fail(lost("microphone"));
  context.onstatechange = () => {
    if (context?.state !== "running") fail(interrupted());
  };
  return { rate, close: end };
}
