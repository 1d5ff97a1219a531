/**
 * The tasks in the dropdown: the shipped ones, fetched when picked, and the visitor's own, kept in the browser.
 */
import { computed, signal } from "@preact/signals";
import { type AdapterFiles, type AdapterInfo, type Change, fetchFile } from "graftlet";
import { engine, readyEngine, sentenceOf } from "./engine.js";
import { refreshKept } from "./kept.js";
import { adaptersFolder, model, titleOf, USUAL_MODEL } from "./models.js";
import {
  changeNotes,
  cleanNotes,
  type Note,
  readNotes,
  readSelected,
  writeSelected,
} from "./notes.js";
import { readShipped, type ShippedTask } from "./shipped.js";

export type Task =
  | { origin: "shipped"; name: string; title: string; group: string; shipped: ShippedTask }
  | { origin: "own"; name: string; title: string; group: typeof OWN; note: Note };

export const OWN = "Your own";

const shipped = signal<ShippedTask[]>([]);
const own = signal<string[]>([]);
const notes = signal<Record<string, Note>>(cleanNotes());
const loaded = signal<ReadonlyMap<string, AdapterInfo>>(new Map());
/** The visitor's own tasks that answer in this tab and that the browser does not keep, each with the reason. */
export const notKept = signal<ReadonlyMap<string, string>>(new Map());
/** A row of what a task was taught on, to begin with. It is kept no longer than the page is open. */
export const examples = new Map<string, readonly [string, string]>();

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
  ...own.value.filter(isOfModel).map(
    (name): Task => ({
      origin: "own",
      name,
      title: name,
      group: OWN,
      note: notes.value[name] ?? { origin: "imported" },
    }),
  ),
]);

/** Whether one of the visitor's own tasks belongs to this visit's model. */
function isOfModel(name: string): boolean {
  return (notes.value[name]?.model ?? USUAL_MODEL) === model;
}

/** The name of the model that one of the visitor's own tasks belongs to, where that is not this visit's. */
export function otherModel(name: string): string | null {
  return isOfModel(name) ? null : titleOf(notes.value[name]?.model ?? USUAL_MODEL);
}

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
    let read = readShipped(await fetchFile(`${adaptersFolder}index.json`, { cache: "no-cache" }));
    // The browser's HTTP cache may have a damaged one.
    if (read.trouble !== null) {
      read = readShipped(await fetchFile(`${adaptersFolder}index.json`, { cache: "reload" }));
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
  readyEngine().onChange((change) => void hear(change));
  await refreshOwn();
  const remembered = readSelected();
  if (remembered !== null && own.value.includes(remembered) && isOfModel(remembered))
    selected.value = remembered;
  if (selected.value === null) selected.value = tasks.value[0]?.name ?? null;
  if (selected.value !== null) await openAdapter(selected.value);
}

/** Reads again which tasks the browser keeps; another tab may have changed that. */
export async function refreshOwn(): Promise<void> {
  // A browser that keeps nothing is told of with the rest of what it keeps.
  const saved = await readyEngine()
    .saved()
    .catch(() => []);
  const names = new Set([...saved, ...notKept.value.keys()]);
  own.value = [...names].toSorted((a, b) => a.localeCompare(b));
  notes.value = readNotes();
  void refreshKept();
}

/** Follows what another tab does. */
async function hear({ type, name }: Change): Promise<void> {
  if (type !== "saved" && type !== "forgotten") return;
  // What this tab has and could not keep stays as it is.
  if (notKept.value.has(name)) return;
  await refreshOwn();
  if (type === "saved") {
    if (loaded.value.has(name)) await reopen(name);
    message.value = `“${name}” was saved in another tab: it is among your tasks here too.`;
  } else {
    await leave(name);
    message.value = `“${name}” was deleted in another tab.`;
  }
}

/** Takes an adapter as another tab has saved it. */
async function reopen(name: string): Promise<void> {
  try {
    remember(await readyEngine().restore(name));
  } catch (error) {
    if (selected.value === name) trouble.value = sentenceOf(error);
  }
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
            new URL(`${adaptersFolder}${found.shipped.path}`, document.baseURI),
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
  await refreshOwn();
  const name = freeName(plainName(wanted));
  const { unkept, ...info } = await readyEngine().addAdapter(name, files, { persist: true });
  remember(info);
  await adopt(name, { origin: "imported" }, unkept?.message);
  return name;
}

/** A folder's name as one that a task can have. */
function plainName(folder: string): string {
  const plain = folder
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, " ")
    .trim()
    .slice(0, 60)
    .trim();
  return ["", ".", ".."].includes(plain) ? "adapter" : plain;
}

/** Enters a task whose adapter the engine has already, and chooses it; `reason` says why the browser does not keep it. */
export async function adopt(name: string, note: Note, reason?: string): Promise<void> {
  if (!loaded.value.has(name)) {
    const info = (await readyEngine().adapters()).find((entry) => entry.name === name);
    if (info) remember(info);
  }
  const others = [...notKept.value].filter(([other]) => other !== name);
  notKept.value = new Map(reason === undefined ? others : [...others, [name, reason]]);
  changeNotes(name, model === USUAL_MODEL ? note : { ...note, model });
  await refreshOwn();
  await select(name);
}

/** Tries once more to keep a task that the browser did not keep. */
export async function keepAgain(name: string): Promise<void> {
  trouble.value = null;
  try {
    await readyEngine().keep(name);
    notKept.value = new Map([...notKept.value].filter(([other]) => other !== name));
    message.value = `“${name}” stays in this browser now.`;
  } catch (error) {
    notKept.value = new Map(notKept.value).set(name, sentenceOf(error));
    trouble.value = sentenceOf(error);
  }
  await refreshOwn();
}

/** Deletes one of the visitor's own tasks for good. */
export async function deleteOwn(name: string): Promise<void> {
  trouble.value = null;
  try {
    if (!notKept.value.has(name)) await readyEngine().forget(name);
  } catch (error) {
    trouble.value = sentenceOf(error);
    return;
  }
  notKept.value = new Map([...notKept.value].filter(([other]) => other !== name));
  changeNotes(name, undefined);
  await refreshOwn();
  await leave(name);
  message.value = `“${name}” was deleted from this browser.`;
}

/** Lets go of a task that is gone. */
async function leave(name: string): Promise<void> {
  examples.delete(name);
  // Another task is chosen before the engine lets go of this one, so that nothing asks for it any more.
  if (selected.value === name) {
    const next = tasks.value[0]?.name;
    if (next !== undefined) await select(next);
    else selected.value = null;
  }
  if (!loaded.value.has(name)) return;
  const rest = new Map(loaded.value);
  rest.delete(name);
  loaded.value = rest;
  await readyEngine().removeAdapter(name);
}

/** True when no task has this name yet. */
export function isFree(name: string): boolean {
  // those of other models are kept beside one another
  return !own.value.includes(name) && !tasks.value.some((entry) => entry.name === name);
}

/** `name`, or `name 2`, `name 3` … where it is taken. */
export function freeName(wanted: string): string {
  if (isFree(wanted)) return wanted;
  for (let n = 2; ; n += 1) if (isFree(`${wanted} ${n}`)) return `${wanted} ${n}`;
}
