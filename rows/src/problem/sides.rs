//! Words that say which of two texts is better.

/// Words that say which of two texts is better, and nothing else.
pub(super) const SIDES: [&str; 6] = ["first", "second", "left", "right", "text1", "text2"];

/// Words that say so too, but may be names of classes.
const OTHER_SIDES: [&str; 3] = ["a", "b", "text"];

/// Words that say that neither is.
pub(super) const TIES: [&str; 5] = ["tie", "equal", "same", "both", "neither"];

pub(super) fn is_one_of(label: &str, words: &[&str]) -> bool {
    words
        .iter()
        .any(|word| word.eq_ignore_ascii_case(label.trim()))
}

/// Whether a word says which of two texts is better.
pub(crate) fn says_which(label: &str) -> bool {
    is_one_of(label, &SIDES) || is_one_of(label, &OTHER_SIDES) || is_one_of(label, &TIES)
}
