/** Rows as CSV that spreadsheets open as it is: a byte-order mark, CRLF, quotes where they are needed (RFC 4180). */
export function writeCsv(rows: Iterable<readonly (string | number)[]>): Blob {
  const parts: string[] = ["\uFEFF"];
  for (const row of rows) parts.push(`${row.map(cellOf).join(",")}\r\n`);
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}

function cellOf(value: string | number): string {
  const text = String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
