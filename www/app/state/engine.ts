/**
 * The engine and how far its backbone has come.
 */
import { signal } from "@preact/signals";
import { Graftlet, GraftletError, type KindInfo, type LoadNotice } from "graftlet";
import { model } from "./models.js";

/** How far the module and the backbone have come, as one. */
export interface Loading {
  status: "loading";
  loaded: number;
  /** 0 while it is not known. */
  total: number;
  bytesPerSecond: number | null;
  secondsLeft: number | null;
  /** Why nothing comes at the moment; null while something does. */
  waiting: string | null;
}

export type EngineState =
  | Loading
  /** `notice` is what did not work on the way, or since. */
  | { status: "ready"; graftlet: Graftlet; kinds: KindInfo[]; bytes: number; notice: string | null }
  /** `final` where the same browser would fail again. */
  | { status: "failed"; sentence: string; final: boolean };

const BEGINNING: Loading = {
  status: "loading",
  loaded: 0,
  total: 0,
  bytesPerSecond: null,
  secondsLeft: null,
  waiting: null,
};

export const engine = signal<EngineState>(BEGINNING);

/** Loads the backbone; a failure is a state, not an exception. */
export async function loadEngine(): Promise<void> {
  let at = BEGINNING;
  let notice: string | null = null;
  const show = (change: Partial<Loading>) => {
    at = { ...at, ...change };
    engine.value = at;
  };
  show({});
  try {
    const graftlet = await Graftlet.load({
      backbone: new URL(`models/${model}/`, document.baseURI),
      onProgress(event) {
        const { loaded, total } = event;
        if (event.type === "ready") show({ loaded, total, secondsLeft: null, waiting: null });
        else {
          const { bytesPerSecond, secondsLeft } = event;
          show({ loaded, total, bytesPerSecond, secondsLeft, waiting: null });
        }
      },
      onNotice(told) {
        if (told.about === "retry") show({ waiting: waitingFor(told) });
        else notice = told.message;
      },
      onRestart({ message }) {
        const now = engine.value;
        if (now.status === "ready") engine.value = { ...now, notice: message };
        else notice = message;
      },
    });
    const kinds = await graftlet.kinds();
    engine.value = { status: "ready", graftlet, kinds, bytes: at.total, notice };
  } catch (error) {
    const final = error instanceof GraftletError && error.code === "simd_unsupported";
    engine.value = { status: "failed", sentence: sentenceOf(error), final };
  }
}

/** Why a download waits. */
function waitingFor({ code, seconds = 0 }: LoadNotice): string {
  const reason =
    code === "offline"
      ? "There is no network"
      : code === "timed_out"
        ? "The server sends nothing"
        : "The connection broke off";
  return seconds < 1
    ? `${reason}: trying again`
    : `${reason}: trying again in ${Math.ceil(seconds)} s`;
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
