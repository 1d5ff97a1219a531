//! Files of fastText: a text a line, among whose words stand its labels (`__label__positive a text`).
//!
//! They are read as a label and a text between tabs, line by line, so that rows keep their numbers.

use crate::labels::FAST_TEXT;
use crate::problem::LABEL_SEPARATOR;

/// Lines that are looked at.
const SAMPLE: usize = 500;

/// The columns that [`rewritten`] gives.
pub(crate) const COLUMNS: [&str; 2] = ["label", "text"];

/// The label in a word, without its prefix. `None` if it contains another delimiter: such a label is a cell.
fn label(word: &str) -> Option<&str> {
    let name = word.strip_prefix(FAST_TEXT)?;
    (!name.is_empty() && !name.contains([',', ';', '"', '|'])).then_some(name)
}

/// Whether nearly all lines have a label and a text.
fn is_fast_text(text: &str) -> bool {
    if memchr::memmem::find(text.as_bytes(), FAST_TEXT.as_bytes()).is_none() {
        return false;
    }
    let (mut lines, mut labelled, mut with_text) = (0, 0, 0);
    let filled = text
        .split(['\n', '\r'])
        .filter(|line| !line.trim().is_empty());
    for line in filled.take(SAMPLE) {
        lines += 1;
        labelled += usize::from(line.split_whitespace().any(|word| label(word).is_some()));
        with_text += usize::from(line.split_whitespace().any(|word| label(word).is_none()));
    }
    labelled * 10 >= lines * 9 && with_text * 2 >= lines
}

/// The labels and the text of each line between tabs; nothing if this is no file of fastText.
pub(crate) fn rewritten(text: &str) -> Option<String> {
    if !is_fast_text(text) {
        return None;
    }
    let mut new = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive(['\n', '\r']) {
        let bare = line.trim_end_matches(['\n', '\r']);
        if !bare.trim().is_empty() {
            let labels = bare.split_whitespace().filter_map(label);
            for (index, label) in labels.enumerate() {
                if index > 0 {
                    new.push(LABEL_SEPARATOR);
                }
                new.push_str(label);
            }
            new.push('\t');
            let words = bare.split([' ', '\t']);
            let mut begun = false;
            for word in words.filter(|word| label(word.trim()).is_none()) {
                // some files have a comma between the labels and the text
                if !begun && matches!(word.trim(), "" | ",") {
                    continue;
                }
                if begun {
                    new.push(' ');
                }
                begun = true;
                new.push_str(word);
            }
        }
        new.push_str(&line[bare.len()..]);
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_before_the_text() {
        for (text, right) in [
            ("__label__a b  c\r\n\n__label__b d\n", "a\tb  c\r\n\nb\td\n"),
            ("__label__a __label__x b\n", "a|x\tb\n"),
            ("__label__a\tb \"c\", d", "a\tb \"c\", d"),
            ("__label__a , b", "a\tb"),
            ("b c __label__a", "a\tb c"),
        ] {
            assert_eq!(rewritten(text).as_deref(), Some(right), "{text}");
        }
        for text in [
            "a text\n__label__a b\n",
            "__label__a\n__label__b\n",
            "label,text\n__label__a,b c\n__label__b,d e\n",
            "",
        ] {
            assert_eq!(rewritten(text), None, "{text}");
        }
    }
}
