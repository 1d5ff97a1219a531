/**
 * The engine and how far its backbone has come.
 */
import { signal } from "@preact/signals";
import { Graftlet, GraftletError, type KindInfo } from "graftlet";

export type EngineState =
  | { status: "loading"; loaded: number; total: number }
  | { status: "ready"; graftlet: Graftlet; kinds: KindInfo[]; bytes: number }
  /** `final` where the same browser would fail again. */
  | { status: "failed"; sentence: string; final: boolean };

export const engine = signal<EngineState>({ status: "loading", loaded: 0, total: 0 });

/** Loads the backbone; a failure is a state, not an exception. */
export async function loadEngine(): Promise<void> {
  engine.value = { status: "loading", loaded: 0, total: 0 };
  let bytes = 0;
  try {
    const graftlet = await Graftlet.load({
      backbone: new URL("models/minilm-l6/", document.baseURI),
      onProgress({ loaded, total }) {
        bytes = total;
        engine.value = { status: "loading", loaded, total };
      },
    });
    engine.value = { status: "ready", graftlet, kinds: await graftlet.kinds(), bytes };
  } catch (error) {
    const final = error instanceof GraftletError && error.code === "simd_unsupported";
    engine.value = { status: "failed", sentence: sentenceOf(error), final };
  }
}

/** The engine once it is ready; whoever calls this is only offered then. */
export function readyEngine(): Graftlet {
  if (engine.value.status !== "ready") throw new Error("The backbone has not been loaded yet.");
  return engine.value.graftlet;
}

/** What to tell people about an error. */
export function sentenceOf(error: unknown): string {
  if (error instanceof GraftletError || error instanceof Error) return error.message;
  return `Something went wrong: ${String(error)}`;
}
