/**
 * Recordings and pictures that the chosen task is asked about, the newest first.
 */
import { effect, signal } from "@preact/signals";
import type { Answer } from "graftlet";
import { checkPicture, decodeSound } from "../../media/decode.js";
import { type Samples, trim } from "../../media/sound.js";
import { readyEngine, sentenceOf } from "../engine.js";
import { sort } from "../sort.js";
import { adapter } from "../tasks.js";
import { ASKING, record } from "./recording.js";

/** What was asked about; of a sound from a file the engine reads the file, and `sound` is there to be heard and seen. */
export type Content = { sound: Samples; file?: File } | { picture: Blob };

export interface Question {
  id: number;
  title: string;
  /** Null where it could not be read. */
  content: Content | null;
  /** The task that answers it, or has. */
  task: string | null;
  answer: Answer | null;
  trouble: string | null;
}

/** Older questions are let go of. */
const MOST = 50;

export const questions = signal<readonly Question[]>([]);

let lastId = 0;
let queue = Promise.resolve();

/** Answers everything anew when another task is chosen. */
export function followTask(): void {
  effect(() => {
    const chosen = adapter.value?.name;
    if (chosen === undefined || sort.value === "texts") return;
    for (const { id, task } of questions.peek()) if (task !== chosen) answerSoon(id);
  });
}

export function askRecording(): Promise<void> {
  return record({
    purpose: ASKING,
    // As takes are, unless it holds nothing, which may be what is asked about.
    done: (sound) => ask("Recording", { sound: trim(sound) ?? sound }),
  });
}

/** Asks about files; what cannot be read is listed with the reason. */
export async function askFiles(files: readonly File[]): Promise<void> {
  for (const file of files.slice(0, MOST)) {
    try {
      if (sort.value === "sounds") ask(file.name, { sound: await decodeSound(file), file });
      else {
        await checkPicture(file);
        ask(file.name, { picture: file });
      }
    } catch (error) {
      enter(file.name, null, sentenceOf(error));
    }
  }
}

export function ask(title: string, content: Content): void {
  answerSoon(enter(title, content, null));
}

export function forgetQuestions(): void {
  questions.value = [];
}

function enter(title: string, content: Content | null, trouble: string | null): number {
  lastId += 1;
  const entered = { id: lastId, title, content, task: null, answer: null, trouble };
  questions.value = [entered, ...questions.value].slice(0, MOST);
  return lastId;
}

function answerSoon(id: number): void {
  queue = queue.then(() => answerNow(id));
}

async function answerNow(id: number): Promise<void> {
  const found = questions.peek().find((question) => question.id === id);
  const task = adapter.peek()?.name;
  if (!found?.content || task === undefined) return;
  const { content } = found;
  try {
    const input = "sound" in content ? (content.file ?? content.sound) : content.picture;
    change(id, {
      task,
      answer: await readyEngine().classify(input, { with: task }),
      trouble: null,
    });
  } catch (error) {
    change(id, { task, answer: null, trouble: sentenceOf(error) });
  }
}

function change(id: number, to: Partial<Question>): void {
  questions.value = questions.value.map((known) => (known.id === id ? { ...known, ...to } : known));
}
