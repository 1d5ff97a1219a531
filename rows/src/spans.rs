//! Spans of a text, as annotation programs write them, become tags of its words.

use crate::json::{self, Value};

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its first character, in Unicode code points as Python counts them.
    pub(crate) start: usize,
    /// The character after its last.
    pub(crate) end: usize,
    /// What it is.
    pub(crate) kind: String,
}

/// Longest name of a kind of span.
const LONGEST_KIND: usize = 200;

/// A span of doccano (`[0, 4, "PER"]`), or an object with a start, an end and a label under one of their usual names
/// (doccano, Label Studio, spaCy, pipelines of transformers).
pub(crate) fn span(value: Value<'_>) -> Option<Span> {
    match value {
        Value::List(list) => {
            let mut items = json::items(list);
            let (start, end) = (number(items.next()?)?, number(items.next()?)?);
            let kind = kind(items.next()?)?;
            items.next().is_none().then_some(Span { start, end, kind })
        }
        Value::Object(object) => {
            let of = |keys: &[&str]| keys.iter().find_map(|key| json::member(object, key));
            let start = number(of(&[
                "start",
                "start_offset",
                "begin",
                "startOffset",
                "start_char",
            ])?)?;
            let end = number(of(&["end", "end_offset", "stop", "endOffset", "end_char"])?)?;
            let kind = kind(of(&[
                "label",
                "labels",
                "entity",
                "entity_group",
                "tag",
                "type",
                "class",
            ])?)?;
            Some(Span { start, end, kind })
        }
        _ => None,
    }
}

fn number(value: Value<'_>) -> Option<usize> {
    let Value::Number(number) = value else {
        return None;
    };
    number.parse().ok()
}

/// A kind's name, or the only one of a list; spaces become underscores, as tags stand between spaces.
fn kind(value: Value<'_>) -> Option<String> {
    let value = match value {
        Value::List(list) => json::items(list).next()?,
        other => other,
    };
    let Value::Text(raw) = value else {
        return None;
    };
    let name = json::unescape(raw);
    let name: Vec<&str> = name.split_whitespace().collect();
    let name = name.join("_");
    (!name.is_empty() && name.len() <= LONGEST_KIND).then_some(name)
}

/// A text whose words have tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tagged {
    /// The words, joined by spaces.
    pub(crate) words: String,
    /// Their tags, joined by spaces.
    pub(crate) tags: String,
    /// Whether a span began or ended between two letters of a word, which was split there.
    pub(crate) split: bool,
    /// Whether a span was left out because it overlaps another.
    pub(crate) overlap: bool,
}

/// The words of a text with BIO tags. Words stand between spaces; a span that begins or ends within a word splits it
/// there. Of spans that overlap the one that begins first counts, of those the longest.
///
/// Nothing if a span is not within the text, or if the tags would be many times as long as the text.
pub(crate) fn tagged(text: &str, mut spans: Vec<Span>) -> Option<Tagged> {
    spans.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut found = Tagged::default();
    let mut spans = spans.into_iter().peekable();
    let mut current: Option<Span> = None;
    let mut begun = false;
    // the word that is being read, and its tag's prefix
    let mut in_word = false;
    let mut before: Option<char> = None;
    let mut last_end = 0;
    let mut place = 0;
    for character in text.chars() {
        if current.as_ref().is_some_and(|span| span.end <= place) {
            if in_word && !character.is_whitespace() {
                found.split |= cuts(before, character);
            }
            in_word = false;
            current = None;
        }
        while let Some(span) = spans.next_if(|span| span.start <= place) {
            if span.end <= span.start {
                return None;
            }
            if span.start < last_end {
                found.overlap = true;
                continue;
            }
            if in_word && !character.is_whitespace() {
                found.split |= cuts(before, character);
            }
            in_word = false;
            begun = true;
            last_end = span.end;
            current = Some(span);
        }
        if character.is_whitespace() {
            in_word = false;
        } else {
            if !in_word {
                in_word = true;
                if !found.words.is_empty() {
                    found.words.push(' ');
                    found.tags.push(' ');
                }
                match &current {
                    Some(span) => {
                        found.tags.push_str(if begun { "B-" } else { "I-" });
                        found.tags.push_str(&span.kind);
                        begun = false;
                    }
                    None => found.tags.push('O'),
                }
                if found.tags.len() > 3 * text.len() + 1000 {
                    return None;
                }
            }
            found.words.push(character);
        }
        before = Some(character);
        place += 1;
    }
    let outside = spans.next().is_some() || last_end > place;
    (!outside).then_some(found)
}

/// Whether a place between two characters is within a word: punctuation is a token of its own to every tokenizer.
fn cuts(before: Option<char>, after: char) -> bool {
    before.is_some_and(char::is_alphanumeric) && after.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(usize, usize, &str)]) -> Vec<Span> {
        let span = |&(start, end, kind): &(usize, usize, &str)| Span {
            start,
            end,
            kind: kind.to_owned(),
        };
        list.iter().map(span).collect()
    }

    fn words_and_tags(text: &str, list: &[(usize, usize, &str)]) -> (String, String, bool) {
        let found = tagged(text, spans(list)).unwrap();
        (found.words, found.tags, found.split)
    }

    #[test]
    fn spans_become_tags() {
        let plain = words_and_tags("Mira moved to New Turku", &[(0, 4, "PER"), (14, 23, "LOC")]);
        assert_eq!(
            plain,
            (
                "Mira moved to New Turku".into(),
                "B-PER O O B-LOC I-LOC".into(),
                false
            )
        );
        // two spans of a kind side by side
        let beside = words_and_tags("Ada Bo", &[(4, 6, "P"), (0, 3, "P")]);
        assert_eq!(beside.1, "B-P B-P");
        assert_eq!(words_and_tags("no spans", &[]).1, "O O");
    }

    #[test]
    fn offsets_are_code_points() {
        let found = words_and_tags("😀 é Turku", &[(4, 9, "LOC")]);
        assert_eq!(found.1, "O O B-LOC");
    }

    #[test]
    fn a_span_within_a_word_splits_it() {
        // at punctuation, which is a token of its own anyway
        let point = words_and_tags("to Turku.", &[(3, 8, "LOC")]);
        assert_eq!(point, ("to Turku .".into(), "O B-LOC O".into(), false));
        // between letters: that is worth saying
        let letters = words_and_tags("Turkuland", &[(0, 5, "LOC")]);
        assert_eq!(letters, ("Turku land".into(), "B-LOC O".into(), true));
        let inner = words_and_tags("unhappyness x", &[(2, 7, "A")]);
        assert_eq!(inner, ("un happy ness x".into(), "O B-A O O".into(), true));
        // spaces at the edges of a span are nothing
        assert_eq!(words_and_tags("a Turku b", &[(1, 8, "LOC")]).1, "O B-LOC O");
    }

    #[test]
    fn overlapping_and_outer_spans() {
        let found = tagged("New Turku bay", spans(&[(4, 9, "LOC"), (0, 13, "ORG")])).unwrap();
        assert!(
            found.overlap && found.tags == "B-ORG I-ORG I-ORG",
            "{found:?}"
        );
        assert!(tagged("abc", spans(&[(0, 4, "X")])).is_none());
        assert!(tagged("abc", spans(&[(3, 5, "X")])).is_none());
        assert!(tagged("abc", spans(&[(2, 2, "X")])).is_none());
        let words = "a ".repeat(10_000);
        assert!(tagged(&words, spans(&[(0, 20_000, &"K".repeat(150))])).is_none());
    }

    #[test]
    fn every_program_writes_its_own() {
        for json in [
            r#"[0, 4, "PER"]"#,
            r#"{"start_offset": 0, "end_offset": 4, "label": "PER", "id": 7}"#,
            r#"{"start": 0, "end": 4, "text": "Mira", "labels": ["PER"]}"#,
            r#"{"entity_group": "PER", "start": 0, "end": 4, "score": 0.9}"#,
        ] {
            let found = span(json::parse(json).unwrap()).unwrap();
            assert_eq!(
                (found.start, found.end, found.kind.as_str()),
                (0, 4, "PER"),
                "{json}"
            );
        }
        for json in [
            r#"["a", 4, "PER"]"#,
            r#"[0, 4]"#,
            r#"{"start": 0}"#,
            r#"[0, 4, 7]"#,
            r#"[-1, 4, "P"]"#,
        ] {
            assert!(span(json::parse(json).unwrap()).is_none(), "{json}");
        }
    }
}
