/**
 * The text and its answer, which follows as one types.
 */
import { computed, effect, signal, untracked } from "@preact/signals";
import type { Answer, Text } from "graftlet";
import { readyEngine, sentenceOf } from "./engine.js";
import { Latest } from "./latest.js";
import { adapter, examples, type Task, task, wantsPair } from "./tasks.js";

/** Typing pauses of this length are worth an answer. */
const PAUSE_MS = 90;

export const text = signal("");
export const text2 = signal("");
/** Whether the task reads both texts as one pair: by itself, or by the visitor's word where its adapter says nothing of it. */
export const pair = signal(false);
/** Whether a second text is answered beside the first, each on its own. */
export const beside = signal(false);

/** An answer with what it answers: by the time it comes, the text may have gone on. */
export interface Given {
  status: "given";
  task: string;
  /** One, or two side by side. */
  answers: { texts: readonly string[]; result: Answer }[];
}

export type Answered = { status: "none" } | Given | { status: "failed"; sentence: string };

export const answer = signal<Answered>({ status: "none" });

/** What is asked: null while something is missing. */
const question = computed<{ name: string; inputs: Text[] } | null>(() => {
  const info = adapter.value;
  if (!info || text.value.trim() === "") return null;
  const first = text.value;
  const second = text2.value.trim() === "" ? null : text2.value;
  if (pair.value) {
    return second === null ? null : { name: info.name, inputs: [{ text: first, text2: second }] };
  }
  return { name: info.name, inputs: beside.value && second !== null ? [first, second] : [first] };
});

/** The example that stands in the box now; a text of the visitor's own is never replaced. */
let example: readonly [string, string] = ["", ""];

/** Starts following task and text. */
export function followText(): void {
  effect(() => {
    const chosen = task.value;
    const wanted = wantsPair.value;
    untracked(() => showExample(chosen, wanted));
  });

  const latest = new Latest();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked: string | undefined;
  effect(() => {
    const next = question.value;
    clearTimeout(timer);
    if (!next) {
      answer.value = { status: "none" };
      asked = undefined;
      return;
    }
    const pause = next.name === asked ? PAUSE_MS : 0;
    asked = next.name;
    timer = setTimeout(() => latest.run(() => ask(next.name, next.inputs)), pause);
  });
}

async function ask(name: string, inputs: readonly Text[]): Promise<void> {
  try {
    const [results = []] = await readyEngine().classify(inputs, { with: [name] });
    if (question.value?.name !== name) return;
    const answers = results.map((result, i) => ({ texts: textsOf(inputs[i] ?? ""), result }));
    if (answers.length > 0) answer.value = { status: "given", task: name, answers };
  } catch (error) {
    answer.value = { status: "failed", sentence: sentenceOf(error) };
  }
}

function textsOf(input: Text): readonly string[] {
  if (typeof input === "string") return [input];
  return input.text2 === undefined ? [input.text] : [input.text, input.text2];
}

function showExample(chosen: Task | undefined, wanted: boolean): void {
  if (!chosen) return;
  const [first = "", second = ""] =
    chosen.origin === "shipped"
      ? [chosen.shipped.example, chosen.shipped.example2]
      : (examples.get(chosen.name) ?? []);
  pair.value = wanted;
  const untouched = text.value === example[0] || text.value.trim() === "";
  if (!untouched || first === "") return;
  text.value = first;
  text2.value = second;
  example = [first, second];
}
