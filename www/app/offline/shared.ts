/**
 * Files and texts that another program shares with the installed page. The service worker takes them, as there may be no
 * tab yet; the page picks them up when it opens.
 */

/** Where the web manifest's `share_target` sends them, relative to the page. */
export const SHARE_PATH = "share";
/** In the page's address when something was shared with it. */
export const SHARED = "shared";

const CACHE = "graftlet-shared";
const NAME = "x-name";
/** What is shared is what one would drop on the page. */
const MOST_FILES = 100;

export interface Shared {
  files: File[];
  text: string;
}

/** Puts what was shared by and opens the page. */
export async function takeShared(request: Request, scope: URL): Promise<Response> {
  try {
    const form = await request.formData();
    await caches.delete(CACHE);
    const cache = await caches.open(CACHE);
    const files = form.getAll("files").filter((entry) => entry instanceof File);
    for (const [index, file] of files.slice(0, MOST_FILES).entries()) {
      const headers = { [NAME]: encodeURIComponent(file.name) };
      await cache.put(new URL(`shared/${index}`, scope), new Response(file, { headers }));
    }
    const words = ["title", "text", "url"].map((name) => form.get(name));
    const text = words.filter((word) => typeof word === "string" && word !== "").join("\n");
    if (text !== "") await cache.put(new URL("shared/text", scope), new Response(text));
  } catch {
    // The page opens all the same and finds nothing.
  }
  return Response.redirect(new URL(`./?${SHARED}`, scope), 303);
}

/** Picks up what was shared; null where nothing was. */
export async function pickUpShared(): Promise<Shared | null> {
  const cache = await caches.open(CACHE);
  const shared: Shared = { files: [], text: "" };
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    const name = response?.headers.get(NAME);
    if (typeof name === "string")
      shared.files.push(new File([await (response as Response).blob()], decodeURIComponent(name)));
    else shared.text = (await response?.text()) ?? "";
  }
  await caches.delete(CACHE);
  return shared.files.length === 0 && shared.text === "" ? null : shared;
}
