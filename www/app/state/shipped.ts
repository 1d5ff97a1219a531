/**
 * `adapters/index.json`, the list of the tasks that are shipped with the page. It may be broken in any way: what can be
 * used of it is used, and one sentence says what cannot.
 */

/** One entry. */
export interface ShippedTask {
  name: string;
  title: string;
  /** Its folder, relative to adapters/. */
  path: string;
  group: string;
  task: string;
  labels: string[];
  kind: string;
  bytes: number;
  parameters: number;
  share: number;
  metric: string;
  /** On the test set. */
  score: number;
  example: string;
  /** The second text of the example where the task compares two. */
  example2?: string;
  /** The least and the most that a number can be, where the task answers one. */
  scale?: [number, number];
  source: string;
  licence: string;
}

export interface ShippedTasks {
  tasks: ShippedTask[];
  /** What is wrong with the list; null where nothing is. */
  trouble: string | null;
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string" && value.length <= 10_000;
const isFilled: Check = (value) => isText(value) && value !== "";
const isAmount: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const isLabels: Check = (value) => Array.isArray(value) && value.every(isText);
const isScale: Check = (value) =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
/** A folder below adapters/: not up, and not to another server. */
const isFolder: Check = (value) =>
  typeof value === "string" && /^[\w.-]+\/$/.test(value) && !/^\.+\/$/.test(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const FIELDS: Record<keyof ShippedTask, Check> = {
  name: isFilled,
  title: isFilled,
  path: isFolder,
  group: isFilled,
  task: isText,
  labels: isLabels,
  kind: isText,
  bytes: isAmount,
  parameters: isAmount,
  share: isAmount,
  metric: isText,
  score: Number.isFinite as Check,
  example: isText,
  example2: optional(isText),
  scale: optional(isScale),
  source: isText,
  licence: isText,
};

const MOST = 1000;

/** Reads the list. */
export function readShipped(content: Uint8Array): ShippedTasks {
  const broken = (what: string) => ({
    tasks: [],
    trouble: `The list of tasks (adapters/index.json) ${what}: put the folder on the server again. Your own tasks work.`,
  });
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    return broken("is not JSON, or was cut off");
  }
  const { adapters } = Object(index) as { adapters?: unknown };
  if (!Array.isArray(adapters)) return broken("has no “adapters”");
  const tasks: ShippedTask[] = [];
  const names = new Set<string>();
  let first: string | undefined;
  for (const [at, entry] of adapters.slice(0, MOST).entries()) {
    const wrong = wrongField(entry) ?? (names.has(entry.name) ? "name" : undefined);
    if (wrong === undefined) {
      names.add(entry.name);
      tasks.push(entry);
    } else {
      first ??= `entry ${at + 1} has no usable “${wrong}”`;
    }
  }
  if (adapters.length > MOST) first ??= `only the first ${MOST} entries are shown`;
  if (first === undefined) return { tasks, trouble: null };
  const left = adapters.length - tasks.length;
  const trouble = `The list of tasks (adapters/index.json) is broken: ${left} of ${adapters.length} ${
    left === 1 ? "task is" : "tasks are"
  } left out (${first}).`;
  return { tasks, trouble };
}

function wrongField(entry: unknown): string | undefined {
  const fields = Object(entry) as Record<string, unknown>;
  const wrong = Object.entries(FIELDS).find(([name, check]) => !check(fields[name]));
  return wrong?.[0];
}
