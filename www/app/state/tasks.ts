/**
 * The tasks in the dropdown: the shipped ones, fetched when picked, and the visitor's own, kept in the browser.
 */
import { computed, signal } from "@preact/signals";
import { type AdapterFiles, type AdapterInfo, fetchFile } from "graftlet";
import { engine, readyEngine, sentenceOf } from "./engine.js";
import { type Note, readNotes, readSelected, writeNotes, writeSelected } from "./notes.js";
import { readShipped, type ShippedTask } from "./shipped.js";

export type Task =
  | { origin: "shipped"; name: string; title: string; group: string; shipped: ShippedTask }
  | { origin: "own"; name: string; title: string; group: typeof OWN; note: Note };

export const OWN = "Your own";

const shipped = signal<ShippedTask[]>([]);
const own = signal<string[]>([]);
const notes = signal<Record<string, Note>>(readNotes());
const loaded = signal<ReadonlyMap<string, AdapterInfo>>(new Map());

/** The chosen task's name. */
export const selected = signal<string | null>(null);
/** Why the chosen task, or something that was dropped, could not be loaded. */
export const trouble = signal<string | null>(null);
/** The last thing that went well and is worth saying. */
export const message = signal<string | null>(null);

export const tasks = computed<Task[]>(() => [
  ...shipped.value.map(
    (entry): Task => ({
      origin: "shipped",
      name: entry.name,
      title: entry.title,
      group: entry.group,
      shipped: entry,
    }),
  ),
  ...own.value.map(
    (name): Task => ({
      origin: "own",
      name,
      title: name,
      group: OWN,
      note: notes.value[name] ?? { origin: "imported" },
    }),
  ),
]);

export const task = computed(() => tasks.value.find(({ name }) => name === selected.value));

/** The chosen adapter once the engine has it. */
export const adapter = computed(() =>
  selected.value === null ? undefined : loaded.value.get(selected.value),
);

/** The score that each label of an adapter must reach, where a text may have several. */
export function thresholdsOf(name: string): ReadonlyMap<string, number> {
  const { labels = [], thresholds = [] } = loaded.value.get(name) ?? {};
  return new Map(thresholds.map((threshold, i) => [labels[i] ?? "", threshold]));
}

/** Least and most of the numbers that the chosen task answers, where that is known. */
export const scale = computed<readonly [number, number] | null>(() => {
  const chosen = task.value;
  const known = chosen?.origin === "shipped" ? chosen.shipped.scale : chosen?.note.scale;
  return known ?? null;
});

/** Whether the chosen task's adapter takes pairs or single texts; null while nothing is known of that. */
export const knownPair = computed<boolean | null>(() => adapter.value?.pair ?? null);

/** True when the chosen task compares two texts. */
export const wantsPair = computed(() => {
  if (knownPair.value !== null) return knownPair.value;
  const chosen = task.value;
  if (chosen?.origin === "shipped") return chosen.shipped.example2 !== undefined;
  return chosen?.note.pair ?? false;
});

/** Reads the list of shipped tasks, so that the dropdown stands before the backbone does. */
export async function loadIndex(): Promise<void> {
  try {
    let read = readShipped(await fetchFile("adapters/index.json", { cache: "no-cache" }));
    // The browser's HTTP cache may have a damaged one.
    if (read.trouble !== null) {
      read = readShipped(await fetchFile("adapters/index.json", { cache: "reload" }));
    }
    shipped.value = read.tasks;
    trouble.value = read.trouble;
  } catch (error) {
    trouble.value = `The list of tasks could not be fetched. ${sentenceOf(error)}`;
  }
  const remembered = readSelected();
  const known = shipped.value.find(({ name }) => name === remembered) ?? shipped.value[0];
  if (selected.value === null && known) selected.value = known.name;
}

/** Finds the visitor's own tasks and goes back to the one that was chosen last. */
export async function loadOwn(): Promise<void> {
  try {
    own.value = (await readyEngine().saved()).toSorted((a, b) => a.localeCompare(b));
  } catch (error) {
    trouble.value = sentenceOf(error);
  }
  const remembered = readSelected();
  if (remembered !== null && own.value.includes(remembered)) selected.value = remembered;
  if (selected.value === null) selected.value = tasks.value[0]?.name ?? null;
  if (selected.value !== null) await openAdapter(selected.value);
}

/** Chooses a task; its adapter is fetched the first time only. */
export async function select(name: string): Promise<void> {
  selected.value = name;
  trouble.value = null;
  message.value = null;
  writeSelected(name);
  if (engine.value.status === "ready") await openAdapter(name);
}

async function openAdapter(name: string): Promise<void> {
  if (loaded.value.has(name)) return;
  const found = tasks.value.find((entry) => entry.name === name);
  if (!found) return;
  try {
    const graftlet = readyEngine();
    const info =
      found.origin === "shipped"
        ? await graftlet.addAdapter(
            name,
            new URL(`adapters/${found.shipped.path}`, document.baseURI),
          )
        : await graftlet.restore(name);
    remember(info);
  } catch (error) {
    // By now another task may have been chosen, whose answer this must not spoil.
    if (selected.value === name) trouble.value = sentenceOf(error);
  }
}

function remember(info: AdapterInfo): void {
  loaded.value = new Map(loaded.value).set(info.name, info);
}

/** Takes in an adapter that was dropped or chosen, keeps it, and chooses it. Returns the name it got. */
export async function importAdapter(wanted: string, files: AdapterFiles): Promise<string> {
  const name = freeName(wanted);
  const info = await readyEngine().addAdapter(name, files, { persist: true });
  remember(info);
  await adopt(name, { origin: "imported" });
  return name;
}

/** Enters a task whose adapter the engine has already and keeps, and chooses it. */
export async function adopt(name: string, note: Note): Promise<void> {
  if (!loaded.value.has(name)) {
    const info = (await readyEngine().adapters()).find((entry) => entry.name === name);
    if (info) remember(info);
  }
  setNotes({ ...notes.value, [name]: note });
  if (!own.value.includes(name)) {
    own.value = [...own.value, name].toSorted((a, b) => a.localeCompare(b));
  }
  await select(name);
}

/** Deletes one of the visitor's own tasks for good. */
export async function deleteOwn(name: string): Promise<void> {
  const graftlet = readyEngine();
  await graftlet.forget(name);
  const { [name]: _, ...others } = notes.value;
  own.value = own.value.filter((entry) => entry !== name);
  setNotes(others);
  // Another task is chosen before the engine lets go of this one, so that nothing asks for it any more.
  const next = tasks.value[0]?.name;
  if (next !== undefined) await select(next);
  else selected.value = null;
  if (loaded.value.has(name)) {
    const rest = new Map(loaded.value);
    rest.delete(name);
    loaded.value = rest;
    await graftlet.removeAdapter(name);
  }
  message.value = `“${name}” was deleted from this browser.`;
}

/** True when no task has this name yet. */
export function isFree(name: string): boolean {
  return !tasks.value.some((entry) => entry.name === name);
}

/** `name`, or `name 2`, `name 3` … where it is taken. */
export function freeName(wanted: string): string {
  if (isFree(wanted)) return wanted;
  for (let n = 2; ; n += 1) if (isFree(`${wanted} ${n}`)) return `${wanted} ${n}`;
}

function setNotes(next: Record<string, Note>): void {
  notes.value = next;
  writeNotes(next);
}
