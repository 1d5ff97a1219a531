/** What the service worker knows of the build that it belongs to. URLs are relative to the page's folder. */
export interface Build {
  /** Changes whenever any file does. */
  version: string;
  /** Files that make the page work: fetched at the first visit. */
  first: { url: string; revision: string | null; integrity: string }[];
  /** Files that are kept once they were asked for. */
  later: { url: string; sha256: string }[];
}
