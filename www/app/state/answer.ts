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
/** Whether a second text is asked for: by the task, or by the visitor for an adapter that says nothing of it. */
export const pair = signal(false);

/** An answer with what it answers: by the time it comes, the text may have gone on. */
export interface Given {
  status: "given";
  task: string;
  texts: readonly string[];
  result: Answer;
}

export type Answered = { status: "none" } | Given | { status: "failed"; sentence: string };

export const answer = signal<Answered>({ status: "none" });

/** What is asked: null while something is missing. */
const question = computed<{ name: string; input: Text } | null>(() => {
  const info = adapter.value;
  if (!info || text.value.trim() === "") return null;
  if (!pair.value) return { name: info.name, input: text.value };
  if (text2.value.trim() === "") return null;
  return { name: info.name, input: { text: text.value, text2: text2.value } };
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
    timer = setTimeout(() => latest.run(() => ask(next.name, next.input)), pause);
  });
}

async function ask(name: string, input: Text): Promise<void> {
  try {
    const result = await readyEngine().classify(input, { with: name });
    if (question.value?.name === name) {
      const texts = typeof input === "string" ? [input] : [input.text, input.text2 ?? ""];
      answer.value = { status: "given", task: name, texts, result };
    }
  } catch (error) {
    answer.value = { status: "failed", sentence: sentenceOf(error) };
  }
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
