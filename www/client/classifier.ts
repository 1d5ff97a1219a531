/**
 * The first line for newcomers: one adapter as a function from a text to labels.
 */
import * as check from "./check.js";
import { checked } from "./check.js";
import { GraftletError } from "./errors.js";
import { folderUrl, urlOf } from "./folder-url.js";
import { type BackboneSource, Graftlet, type LoadOptions } from "./graftlet.js";
import type { AdapterFiles, AdapterInfo, Answer, Text } from "./types.js";

/** What an adapter says of a text: a label and how likely it is, 0 to 1. */
export interface Labelled {
  label: string;
  /** Of an adapter that answers with a number, the number. */
  score: number;
  /** Where a labelled part of the text starts and ends, in UTF-16 units. */
  start?: number;
  end?: number;
}

/**
 * The first classifier of a backbone starts the engine, with its `onProgress`, `onNotice`, `onRestart`, `worker` and `workers`. The
 * others share it: their `build`, `kernels`, `dtype`, `wasm`, `wasmUrl` and `workerUrl` must be the same, or be left out.
 */
export interface ClassifierOptions extends Omit<LoadOptions, "backbone"> {
  /**
   * The backbone's folder, as for `Graftlet.load`; by default `../../models/minilm-l6/` as seen from the adapter's folder.
   * Classifiers with the same URL, or with the same object of files, share one engine.
   */
  backbone?: BackboneSource;
  /** How many labels are given, the most likely first; 1 by default. Of several labels, or parts, all are given. */
  topK?: number;
}

/** An adapter as a function. */
export interface Classifier {
  (text: Text, options?: { signal?: AbortSignal }): Promise<Labelled[]>;
  (texts: readonly Text[], options?: { signal?: AbortSignal }): Promise<Labelled[][]>;
  /** What was loaded. */
  readonly adapter: AdapterInfo;
  /** The engine, for everything else. Classifiers of one backbone share it. */
  readonly graftlet: Graftlet;
  /** Unloads the adapter, and the engine with the last of its classifiers. */
  dispose(): Promise<void>;
}

interface Shared {
  graftlet: Promise<Graftlet>;
  users: number;
  /** What the engine was started with. */
  settings: EngineSettings;
}

/** The options that one engine has once. */
type EngineSettings = Pick<
  LoadOptions,
  "build" | "kernels" | "dtype" | "wasm" | "wasmUrl" | "workerUrl"
>;

/** The engines by the URLs of their backbones, or by the objects with their files. */
const engines = new Map<unknown, Shared>();
let count = 0;

/**
 * Loads an adapter, and its backbone where no classifier has loaded that yet: `const spam = await
 * classifier("/adapters/sms_spam/")`, then `await spam("you won")` gives `[{ label, score }]`.
 */
export async function classifier(
  adapter: string | URL | AdapterFiles,
  options: ClassifierOptions = {},
): Promise<Classifier> {
  const source = checked(adapter, "adapter", check.source);
  const { backbone, topK = 1, ...load } = checked(options, "options", check.classifierOptions);
  const given = backbone ?? defaultBackbone(source);
  const isAddress = typeof given === "string" || given instanceof URL;
  const key = isAddress ? folderUrl(given) : options.backbone;
  const existing = engines.get(key);
  if (existing) refuseOthers(existing.settings, load);
  const shared = existing ?? {
    graftlet: Graftlet.load({ ...load, backbone: isAddress ? folderUrl(given) : given }),
    users: 0,
    settings: load,
  };
  engines.set(key, shared);
  shared.users += 1;
  const leave = async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    if (engines.get(key) === shared) engines.delete(key);
    const graftlet = await shared.graftlet.catch(() => undefined);
    await graftlet?.dispose();
  };
  try {
    const graftlet = await shared.graftlet;
    count += 1;
    const name = `classifier ${count}`;
    const settings = load.signal ? { signal: load.signal } : {};
    const info = await graftlet.addAdapter(name, source, settings);
    let disposed = false;
    const classify = async (
      input: Text | readonly Text[],
      given: { signal?: AbortSignal } = {},
    ): Promise<Labelled[] | Labelled[][]> => {
      const { signal } = checked(given, "options", check.callOptions);
      const options = signal ? { signal, with: name } : { with: name };
      const answers = await graftlet.classify(input as readonly Text[], options);
      if (Array.isArray(answers)) return answers.map((answer) => labelled(answer, info, topK));
      return labelled(answers, info, topK);
    };
    return Object.assign(classify as Classifier, {
      adapter: info,
      graftlet,
      async dispose() {
        if (disposed) return;
        disposed = true;
        if (shared.users > 1) await graftlet.removeAdapter(name).catch(() => {});
        await leave();
      },
    });
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Refuses options that the engine of the backbone was not started with, rather than to ignore them. */
function refuseOthers(settings: EngineSettings, wanted: EngineSettings): void {
  const names = ["build", "kernels", "dtype", "wasm", "wasmUrl", "workerUrl"] as const;
  for (const name of names) {
    if (wanted[name] === undefined || same(settings[name]) === same(wanted[name])) continue;
    throw new GraftletError(
      "option_invalid",
      `The engine of this backbone was started with another ${name}: leave it out, give the same, or dispose of the backbone's other classifiers first.`,
    );
  }
}

/** Something that is equal for equal options. */
function same(option: EngineSettings[keyof EngineSettings]): unknown {
  if (typeof option === "string" || option instanceof URL) {
    return URL.canParse(String(option)) ? String(option) : urlOf(option, "a file").href;
  }
  return option instanceof WebAssembly.Module ? option : JSON.stringify(option);
}

/** A page has its adapters and its models side by side. */
function defaultBackbone(source: string | URL | AdapterFiles): string | URL {
  const path = "models/minilm-l6/";
  if (typeof source !== "string" && !(source instanceof URL)) return path;
  return new URL(`../../${path}`, folderUrl(source));
}

function labelled(answer: Answer, { labels }: AdapterInfo, topK: number): Labelled[] {
  switch (answer.form) {
    case "label": {
      const { label, score } = answer;
      if (answer.rejected) return [{ label, score }];
      return answer.scores.toSorted((a, b) => b.score - a.score).slice(0, topK);
    }
    case "labels":
      return answer.labels.toSorted((a, b) => b.score - a.score);
    case "number":
      return [{ label: labels[0] ?? "value", score: answer.value }];
    case "spans":
      return answer.spans.map(({ label, score, start, end }) => ({ label, score, start, end }));
  }
}
