/** Gives the visitor a file. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the blob up by the next task.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
