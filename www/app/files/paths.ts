/**
 * Paths inside of folders and archives.
 */

/** The file that both libraries' folders have. */
export const CONFIG = "adapter_config.json";

/** The names in a path. Some programs on Windows write backslashes. */
export function partsOf(path: string): string[] {
  return path
    .replaceAll("\\", "/")
    .split("/")
    .filter((part) => part !== "" && part !== ".");
}

/** True of what operating systems put beside one's files. */
export function isAside(path: string): boolean {
  return partsOf(path).some((part) => part === "__MACOSX" || part.startsWith("."));
}
