/** What the page tells the service worker. */
export type ToWorker =
  /** To take the place of the version that runs. */
  | { takeOver: true }
  /** To keep the files of these folders, which were fetched before it could see that. */
  | { keep: string[] };
