/**
 * An adapter as a React hook.
 */
import { useEffect, useState } from "react";
import {
  type AdapterFiles,
  type Classifier,
  type ClassifierOptions,
  classifier,
  type GraftletError,
  type LoadProgress,
} from "./index.js";

/** Where loading stands. `classify` is there once it is done. */
export type ClassifierState =
  | { status: "loading"; classify?: never; error?: never; progress?: LoadProgress }
  | { status: "ready"; classify: Classifier; error?: never; progress?: LoadProgress }
  | { status: "failed"; classify?: never; error: GraftletError; progress?: LoadProgress };

/**
 * Loads an adapter when the component is mounted, and again when `adapter` or `options.backbone` changes; unloads it when
 * the component is unmounted. Components share the engine. On a server, and while the page is made interactive, the
 * state is "loading". Other options count when loading begins.
 */
export function useClassifier(
  adapter: string | URL | AdapterFiles,
  options: Omit<ClassifierOptions, "signal"> = {},
): ClassifierState {
  const [state, setState] = useState<ClassifierState>({ status: "loading" });
  // Addresses are compared by their text, so that a new URL object at each rendering does not load again.
  const source = adapter instanceof URL ? adapter.href : adapter;
  const backbone = options.backbone && String(options.backbone);
  // biome-ignore lint/correctness/useExhaustiveDependencies: other options count when loading begins
  useEffect(() => {
    let mounted = true;
    const show = (next: ClassifierState) => mounted && setState(next);
    const onProgress = (progress: LoadProgress) => {
      show({ status: "loading", progress });
      options.onProgress?.(progress);
    };
    setState({ status: "loading" });
    const loading = classifier(source, { ...options, onProgress });
    loading.then(
      (classify) => show({ status: "ready", classify }),
      (error: GraftletError) => show({ status: "failed", error }),
    );
    return () => {
      mounted = false;
      loading.then(({ dispose }) => dispose()).catch(() => {});
    };
  }, [source, backbone]);
  return state;
}
