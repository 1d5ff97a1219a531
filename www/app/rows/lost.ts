/**
 * A worker that is gone: its script could not be loaded, as without a network, or the browser ended it. Calls to it would
 * wait for ever.
 */

export class WorkerLost extends Error {
  override readonly name = "WorkerLost";
}

/** Rejects when the worker is lost. */
export function whenLost(worker: Worker): Promise<never> {
  return new Promise((_, reject) => {
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      // Without a message the script itself did not come.
      reject(
        new WorkerLost(
          event.message ||
            (navigator.onLine ? "its script could not be loaded" : "there is no network"),
        ),
      );
    });
  });
}
