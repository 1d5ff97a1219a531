/**
 * What the page remembers of a visitor's own adapters beside their files: whether they read pairs, and how they did. Losing it loses comfort only.
 */

export interface Note {
  origin: "trained" | "imported";
  /** A row of the visitor's: known until the page is closed, and never written down. */
  example?: string;
  example2?: string;
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
    const notes = value && typeof value === "object" ? (value as Record<string, Note>) : {};
    const kept = withoutRows(notes);
    // An earlier version of the page wrote rows down.
    if (JSON.stringify(kept) !== JSON.stringify(notes)) writeNotes(kept);
    return kept;
  } catch {
    return {};
  }
}

export function writeNotes(notes: Record<string, Note>): void {
  store(NOTES, JSON.stringify(withoutRows(notes)));
}

function withoutRows(notes: Record<string, Note>): Record<string, Note> {
  const kept = Object.entries(notes)
    .filter(([, note]) => note !== null && typeof note === "object")
    .map(([name, { example: _, example2: __, ...note }]) => [name, note as Note] as const);
  return Object.fromEntries(kept);
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
