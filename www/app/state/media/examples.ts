/**
 * Sounds or pictures to learn from, by their labels. They stay in memory as long as the page is open.
 */
import { computed, signal } from "@preact/signals";
import { counted } from "../../format/units.js";
import { isClipped, type Samples } from "../../media/sound.js";
import { sort } from "../sort.js";

/** The label of what is none of the words: the room, other voices. Listening never reports it. */
export const BACKGROUND = "background";

interface Named {
  id: number;
  /** “take 3”, or the name of its file. */
  title: string;
  /** Whether it came from the microphone or the camera: then it is nowhere else. */
  recorded: boolean;
}
export interface SoundExample extends Named {
  sound: Samples;
  /** The file that it is, which the engine reads by itself. */
  file?: File;
  clipped: boolean;
}
export interface PictureExample extends Named {
  picture: Blob;
}
export type Example = SoundExample | PictureExample;

export interface Class {
  label: string;
  examples: Example[];
  /** How many there ever were: numbers of takes are not used twice. */
  counter: number;
}

export const classes = signal<Class[]>([]);

let lastId = 0;

/** Enters a label; one that is there already stays as it is. */
export function addClass(label: string): void {
  const wanted = label.trim();
  if (wanted === "" || classes.value.some((known) => known.label === wanted)) return;
  classes.value = [...classes.value, { label: wanted, examples: [], counter: 0 }];
}

export function removeClass(label: string): void {
  classes.value = classes.value.filter((known) => known.label !== label);
}

/** Gives a label another name; the examples of two labels of one name become one's. Returns false where it is empty. */
export function renameClass(label: string, name: string): boolean {
  const wanted = name.trim();
  if (wanted === "") return false;
  if (wanted === label) return true;
  const from = classes.value.find((known) => known.label === label);
  if (!from) return false;
  const into = classes.value.find((known) => known.label === wanted);
  classes.value = classes.value.flatMap((known) => {
    if (known.label === wanted) {
      return { ...known, examples: [...known.examples, ...from.examples] };
    }
    if (known !== from) return known;
    return into ? [] : { ...from, label: wanted };
  });
  return true;
}

/** Enters a sound; without a title it is a take. Returns its number. */
export function addSound(label: string, sound: Samples, title?: string, file?: File): number {
  return add(label, "take", title, (named) => ({
    ...named,
    sound,
    ...(file && { file }),
    clipped: isClipped(sound),
  }));
}

/** Enters a picture; without a title it is from the camera. Returns its number. */
export function addPicture(label: string, picture: Blob, title?: string): number {
  return add(label, "picture", title, (named) => ({ ...named, picture }));
}

function add(
  label: string,
  noun: string,
  title: string | undefined,
  make: (named: Named) => Example,
): number {
  addClass(label);
  lastId += 1;
  const id = lastId;
  const recorded = title === undefined;
  change(label.trim(), (known) => {
    const counter = known.counter + 1;
    const example = make({ id, title: title ?? `${noun} ${counter}`, recorded });
    return { ...known, counter, examples: [...known.examples, example] };
  });
  return id;
}

export function removeExample(label: string, id: number): void {
  change(label, (known) => ({
    ...known,
    examples: known.examples.filter((example) => example.id !== id),
  }));
}

/** Gives examples other labels, by number; null takes one out. */
export function relabel(verdicts: ReadonlyMap<number, string | null>): void {
  const moved: [string, Example][] = [];
  const rest = classes.value.map((known) => ({
    ...known,
    examples: known.examples.filter((example) => {
      const verdict = verdicts.get(example.id);
      if (verdict === undefined || verdict === known.label) return true;
      if (verdict !== null) moved.push([verdict, example]);
      return false;
    }),
  }));
  classes.value = rest;
  for (const [label, example] of moved) {
    addClass(label);
    change(label, (known) => ({ ...known, examples: [...known.examples, example] }));
  }
}

function change(label: string, to: (known: Class) => Class): void {
  classes.value = classes.value.map((known) => (known.label === label ? to(known) : known));
}

export function findExample(id: number): Example | undefined {
  return classes.value.flatMap(({ examples }) => examples).find((example) => example.id === id);
}

/** All examples in the order in which they are learned. */
export const examples = computed(() =>
  classes.value.flatMap(({ label, examples }) => examples.map((example) => ({ label, example }))),
);

/** Whether closing the page would throw recordings away. */
export const hasRecordings = computed(() => examples.value.some(({ example }) => example.recorded));

/** Of each label so many are needed: one to learn from and one to judge by. */
const FEWEST = 2;

/** Why training cannot start yet, or null. */
export const blocked = computed<string | null>(() => {
  const one = sort.value === "sounds" ? "recording" : "picture";
  const taught = classes.value.filter(({ examples }) => examples.length > 0);
  if (taught.length < 2) {
    return sort.value === "sounds"
      ? "It takes two labels to tell apart: record a word and another one, or the background."
      : "It takes two labels to tell apart: add pictures of one thing and of another.";
  }
  const few = taught.find(({ examples }) => examples.length < FEWEST);
  if (few) {
    return `“${few.label}” has only ${counted(few.examples.length, one)}: it takes at least ${FEWEST}.`;
  }
  return null;
});
