/**
 * What the page remembers of a visitor's own adapters beside their files: whether they read pairs, and how they did.
 * Losing it loses comfort only. Nothing of the rows is in it.
 */

export interface Note {
  origin: "trained" | "imported";
  /** The folder of the model that it belongs to; absent of the usual one. */
  model?: string;
  /** True when the task compares two texts. */
  pair?: boolean;
  /** Least and most of the numbers it learned from. */
  scale?: [number, number];
  metric?: string;
  /** On the rows held out in training. */
  score?: number;
  trainRows?: number;
  heldOutRows?: number;
}

const NOTES = "graftlet.notes";
const SELECTED = "graftlet.selected";

export function readNotes(): Record<string, Note> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(NOTES) ?? "{}");
    if (!value || typeof value !== "object" || Array.isArray(value)) return {};
    const notes = Object.entries(value).flatMap(([name, note]) => {
      return note && typeof note === "object" ? [[name, withoutRows(note as Note)]] : [];
    });
    return Object.fromEntries(notes) as Record<string, Note>;
  } catch {
    return {};
  }
}

/** An earlier version kept a row of the visitor's as an example. */
function withoutRows(note: Note & { example?: string; example2?: string }): Note {
  const { example: _, example2: __, ...rest } = note;
  return rest;
}

/** Changes the notes as they are now, which another tab may have changed meanwhile, and gives them back. */
export function changeNotes(name: string, note: Note | undefined): Record<string, Note> {
  const { [name]: _, ...others } = readNotes();
  const notes = note ? { ...others, [name]: note } : others;
  store(NOTES, JSON.stringify(notes));
  return notes;
}

/** Removes what an earlier version kept and this one does not. */
export function cleanNotes(): Record<string, Note> {
  const notes = readNotes();
  store(NOTES, JSON.stringify(notes));
  return notes;
}

export function readSelected(): string | null {
  try {
    return localStorage.getItem(SELECTED);
  } catch {
    return null;
  }
}

export function writeSelected(name: string): void {
  store(SELECTED, name);
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}
