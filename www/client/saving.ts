import { reserve } from "./locks.js";
import type { Tabs } from "./tabs.js";
import type { AddedAdapter } from "./types.js";

/** Loads and keeps under a name that is reserved meanwhile. */
export async function saving(
  tabs: Tabs,
  name: string,
  persist: boolean,
  load: (persist: boolean) => Promise<AddedAdapter>,
): Promise<AddedAdapter> {
  if (!persist) return load(false);
  const reservation = await reserve(name);
  try {
    const added = await load(true);
    if (!added.unkept) tabs.tell({ type: "saved", name });
    return added;
  } finally {
    reservation.release();
  }
}
