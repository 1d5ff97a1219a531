/** Texts to be answered that nobody would type. */

const MB = 1_000_000;

/** Each `{ name, make, must }`; a text is one line of standard input. */
export function hostileTexts() {
  const texts = {
    "a word of 50 MB": () => "w".repeat(50 * MB),
    "50 MB of words": () => "words ".repeat((50 * MB) / 6),
    "100,000 characters of one word": () => "w".repeat(100_000),
    "100,000 characters past the middle plane": () => "😀".repeat(100_000),
    "four thousand commas": () => ",".repeat(4000),
    "zero-width characters alone": () => "\u200b\u200c\u200d\ufeff".repeat(1000),
    "spaces of all kinds": () => "\u00a0\u2003\u3000\u2028\u0085".repeat(1000),
    "a chain of a family": () => "👨‍👩‍👧‍👦".repeat(500),
    "one chain of 10,000 links": () => `👨${"‍👩".repeat(10_000)}`,
    "ten thousand accents on one letter": () => `a${"\u0301".repeat(10_000)}`,
    "flags": () => "🇩🇪".repeat(1000),
    "controls": () => "a\u0001\u0002\u001b[2J\u0007b",
    "a NUL": () => "a\0b",
    "reversed": () => "\u202eabc\u202c \u2066def\u2069",
    "private and missing characters": () => "\ue000\ufffd\ufffc\u{10ffff}".repeat(100),
    "CJK": () => "漢字".repeat(500),
    "decomposed Hangul": () => "각".repeat(500),
    "Arabic marks": () => "ﷺ".repeat(500),
    "the special tokens": () => "[CLS] [SEP] [MASK] [PAD] [UNK] ".repeat(50),
    "markup": () => "<script>alert(1)</script>",
    "a path": () => "../../../etc/passwd",
    "a format": () => "%s%n%x {} {0} ${x}",
    "a lone mark": () => "\u0301",
    "tabs": () => "a\tb\tc",
  };
  // Whether there is something to read, or a pair, depends on the adapter.
  const open = ["zero-width characters alone", "spaces of all kinds", "a lone mark", "tabs"];
  const cases = Object.entries(texts).map(([name, make]) => ({
    name: `text: ${name}`,
    must: open.includes(name) ? "either" : "answer",
    make,
  }));
  const bytes = {
    "no UTF-8": Buffer.from([0x61, 0xff, 0xfe, 0x62]),
    "half a pair": Buffer.from([0xed, 0xa0, 0x80]),
    "a mark alone": Buffer.from("\ufeff"),
    "UTF-16": Buffer.from("\ufeffgood film", "utf16le"),
  };
  for (const [name, content] of Object.entries(bytes)) {
    cases.push({ name: `text: ${name}`, must: "error", make: () => content });
  }
  return cases;
}
