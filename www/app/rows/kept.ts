/**
 * Rows of a training run under way, put by in the browser (IndexedDB): if the page goes away, whoever goes on with the
 * run can still be told what its rows were.
 */
import type { Looked } from "./inspect.js";

const DATABASE = "graftlet.rows";
const STORE = "runs";

export function putBy(name: string, rows: Looked): Promise<unknown> {
  return transact("readwrite", (store) => store.put(rows, name));
}

export function lookUp(name: string): Promise<Looked | undefined> {
  return transact("readonly", (store) => store.get(name) as IDBRequest<Looked | undefined>);
}

export async function dropKept(name: string): Promise<void> {
  await transact("readwrite", (store) => store.delete(name));
}

async function transact<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
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
