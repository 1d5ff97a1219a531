/**
 * Rows of a training run under way, put by in the browser (IndexedDB): if the page goes away, whoever goes on with the
 * run can still be told what its rows were. They are bytes that only the reader of rows understands.
 */

const DATABASE = "graftlet.rows";
const VERSION = 2;
const STORE = "runs";

export function putBy(name: string, rows: Uint8Array): Promise<unknown> {
  return transact("readwrite", (store) => store.put(rows, name));
}

export function lookUp(name: string): Promise<Uint8Array | undefined> {
  return transact("readonly", (store) => store.get(name) as IDBRequest<Uint8Array | undefined>);
}

export async function dropKept(name: string): Promise<void> {
  await transact("readwrite", (store) => store.delete(name));
}

/** Drops what is put by under names that no run has any more: a page that was ended may have left it. */
export async function retainKept(names: ReadonlySet<string>): Promise<void> {
  for (const name of await transact("readonly", (store) => store.getAllKeys())) {
    if (!names.has(String(name))) await dropKept(String(name));
  }
}

async function transact<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, VERSION);
  opening.onupgradeneeded = () => {
    const database = opening.result;
    // What another version wrote cannot be read any more; without it a run goes on all the same.
    if (database.objectStoreNames.contains(STORE)) database.deleteObjectStore(STORE);
    database.createObjectStore(STORE);
  };
  const database = await settled(opening);
  // Another page that has a newer version of this waits until this one lets go.
  database.onversionchange = () => database.close();
  try {
    return await settled(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
