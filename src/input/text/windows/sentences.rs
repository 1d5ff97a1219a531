//! Where sentences and lines begin.

const LINE_ENDS: [char; 3] = ['\n', '\r', '\u{2029}'];

/// The tokens that begin a sentence or a line, by their offsets in bytes: those behind a line break, and
/// those behind a full stop, question or exclamation mark and a space, unless they begin in lower case.
pub(super) fn sentences_of(text: &str, offsets: &[(usize, usize)]) -> Vec<usize> {
    const ENDS: [char; 7] = [
        '.', '!', '?', '\u{2026}', '\u{3002}', '\u{ff01}', '\u{ff1f}',
    ];
    const CLOSING: [char; 7] = ['"', '\'', ')', ']', '\u{201d}', '\u{2019}', '\u{bb}'];
    let begins = |token: &usize| {
        let ((_, end), (start, _)) = (offsets[token - 1], offsets[*token]);
        let (Some(before), Some(between), Some(behind)) =
            (text.get(..end), text.get(end..start), text.get(start..))
        else {
            return false;
        };
        let wide = |c: char| c > '\u{2fff}';
        let last = before.trim_end_matches(CLOSING).chars().next_back();
        let ended = last.is_some_and(|last| {
            ENDS.contains(&last) && (wide(last) || between.contains(char::is_whitespace))
        });
        let lower = behind.chars().next().is_some_and(char::is_lowercase);
        between.contains(LINE_ENDS) || ended && !lower
    };
    (1..offsets.len()).filter(begins).collect()
}

/// The tokens that begin a line, by their offsets in bytes.
pub(super) fn lines_of(text: &str, offsets: &[(usize, usize)]) -> Vec<usize> {
    let begins = |token: &usize| {
        let between = text.get(offsets[token - 1].1..offsets[*token].0);
        between.is_some_and(|between| between.contains(LINE_ENDS))
    };
    (1..offsets.len()).filter(begins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_and_lines() {
        let starts = |text: &str| -> Vec<usize> {
            // a token a word or mark, as BERT's tokenizers split
            let mut offsets: Vec<(usize, usize)> = Vec::new();
            let mut in_word = false;
            for (at, c) in text.char_indices() {
                let end = at + c.len_utf8();
                match offsets.last_mut() {
                    Some(last) if in_word && c.is_alphanumeric() => last.1 = end,
                    _ if c.is_whitespace() => {}
                    _ => offsets.push((at, end)),
                }
                in_word = c.is_alphanumeric();
            }
            let starts = sentences_of(text, &offsets);
            starts.iter().map(|&token| offsets[token].0).collect()
        };
        assert_eq!(
            starts("It rains. We stay! Why? \u{c9}t\u{e9}."),
            [10, 19, 24]
        );
        assert!(starts("The U.S. army has 3.5 tanks, e.g. old ones").is_empty());
        assert_eq!(starts("one\ntwo\r\nthree four"), [4, 9]);
        assert_eq!(starts("He said \"no.\" She left."), [14]);
        assert_eq!(starts("\u{597d}\u{3002}\u{597d}"), [6]);
        assert!(starts("").is_empty());
    }
}
