//! The lines of a text.

/// The starts of at most `most` lines, spread over a text, in order. The first line is always among them.
pub(crate) fn lines_across(text: &str, most: usize) -> impl Iterator<Item = usize> {
    let step = (text.len() / most.max(1)).max(1);
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        if start >= text.len() {
            return None;
        }
        // the line after the byte `step` on, or the very next one
        let target = start + step - 1;
        next = if target <= start {
            after_line(text, start)
        } else {
            let end = line_end(text.as_bytes(), target.min(text.len()));
            after_break(text.as_bytes(), end)
        };
        Some(start)
    })
}

/// The line that begins here, without its break.
pub(crate) fn line_at(text: &str, start: usize) -> &str {
    &text[start..line_end(text.as_bytes(), start)]
}

/// Where the line with this byte ends.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    let found = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'\n', b'\r', rest));
    found.map_or(bytes.len(), |found| at + found)
}

/// What follows the line with this byte.
pub(crate) fn after_line(text: &str, at: usize) -> usize {
    after_break(text.as_bytes(), line_end(text.as_bytes(), at))
}

/// What follows the line break that stands here.
pub(super) fn after_break(bytes: &[u8], at: usize) -> usize {
    let breaks = bytes.get(at..).unwrap_or_default();
    let length = match breaks {
        [b'\r', b'\n', ..] => 2,
        [] => 0,
        _ => 1,
    };
    (at + length).min(bytes.len())
}
