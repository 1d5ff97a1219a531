//! What is odd about rows, in words.

mod found;
mod phrases;

use serde::{Deserialize, Serialize};

pub(crate) use found::RowFindings;
pub(crate) use phrases::{cut, name_some, thousands};
pub use phrases::{name_labels, name_rows};

/// What was found. The order is the order in which findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // `words` says each in a sentence
pub enum FindingKind {
    Misquoted,
    TooWide,
    NotJson,
    NotTagged,
    Damaged,
    TextMissing,
    TextObject,
    Text2Missing,
    LabelMissing,
    LabelObject,
    LabelHasBar,
    SeveralLabels,
    NotANumber,
    NotWhich,
    TagsUnlikeWords,
    TagsAreNumbers,
    SpanOutside,
    Contradiction,
    Duplicate,
    ClassOfOne,
    TakenOut,
    NoLabels,
    WordSplit,
    SpansOverlap,
    ClassEmpty,
    ClassSmall,
    LabelsAlike,
    VectorNames,
}

/// Number of kinds.
const KINDS: usize = FindingKind::VectorNames as usize + 1;

impl FindingKind {
    /// What is said of one row, of several, and in the preview. Kinds that are said of classes have sentences of their own.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Misquoted => (
                "has quotes that do not match",
                "have quotes that do not match",
                "quotes",
            ),
            Self::TooWide => (
                "has more cells than there are columns",
                "have more cells than there are columns",
                "too many cells",
            ),
            Self::NotJson => ("is not a JSON object", "are not JSON objects", "not JSON"),
            Self::NotTagged => (
                "has a word without a tag",
                "have words without a tag",
                "no tag",
            ),
            Self::Damaged => (
                "has bytes that are no characters",
                "have bytes that are no characters",
                "damaged",
            ),
            Self::TextMissing => ("has no text", "have no text", "no text"),
            Self::TextObject => (
                "has an object in place of a text",
                "have objects in place of texts",
                "object",
            ),
            Self::Text2Missing => (
                "has no second text",
                "have no second text",
                "no second text",
            ),
            Self::LabelMissing => ("has no label", "have no label", "no label"),
            Self::LabelObject => (
                "has an object, a list or more than a megabyte of text in place of a label",
                "have objects, lists or more than a megabyte of text in place of labels",
                "no label but an object or too long a text",
            ),
            Self::LabelHasBar => (
                "has a label with a bar (|) in it, which stands between labels",
                "have labels with a bar (|) in them, which stands between labels",
                "bar in a label",
            ),
            Self::SeveralLabels => (
                "has not exactly one label",
                "have not exactly one label",
                "not one label",
            ),
            Self::NotANumber => (
                "has a label that is no number",
                "have labels that are no numbers",
                "no number",
            ),
            Self::NotWhich => (
                "does not say which text is better",
                "do not say which text is better",
                "neither text",
            ),
            Self::TagsUnlikeWords => (
                "has not one tag a word",
                "have not one tag a word",
                "tags do not fit the words",
            ),
            Self::TagsAreNumbers => (
                "has numbers in place of tags",
                "have numbers in place of tags",
                "numbers for tags",
            ),
            Self::SpanOutside => (
                "has a span that is not within its text",
                "have spans that are not within their text",
                "span outside the text",
            ),
            Self::Contradiction => (
                "has a text that another row gives another label",
                "have texts that other rows give other labels",
                "contradicts another row",
            ),
            Self::Duplicate => (
                "repeats an earlier row",
                "repeat earlier rows",
                "repeats a row",
            ),
            Self::ClassOfOne => (
                "is the only one of its class",
                "are each the only one of their class",
                "only row of its class",
            ),
            Self::TakenOut => ("was taken out by you", "were taken out by you", "taken out"),
            Self::NoLabels => (
                "has no label, and is taken to have none of them",
                "have no label, and are taken to have none of them",
                "none of the labels",
            ),
            Self::WordSplit => (
                "has a span that begins or ends within a word: the word is split there",
                "have spans that begin or end within a word: the words are split there",
                "word split",
            ),
            Self::SpansOverlap => (
                "has spans that overlap: the first and longest counts",
                "have spans that overlap: the first and longest of them counts",
                "spans overlap",
            ),
            Self::ClassEmpty | Self::ClassSmall | Self::LabelsAlike | Self::VectorNames => {
                ("", "", "")
            }
        }
    }

    /// Whether rows of this finding are trained on all the same.
    fn severity(self) -> Severity {
        match self {
            Self::NoLabels | Self::WordSplit | Self::SpansOverlap => Severity::Notice,
            Self::ClassEmpty | Self::ClassSmall | Self::LabelsAlike | Self::VectorNames => {
                Severity::Notice
            }
            _ => Severity::LeftOut,
        }
    }

    fn all() -> [Self; KINDS] {
        [
            Self::Misquoted,
            Self::TooWide,
            Self::NotJson,
            Self::NotTagged,
            Self::Damaged,
            Self::TextMissing,
            Self::TextObject,
            Self::Text2Missing,
            Self::LabelMissing,
            Self::LabelObject,
            Self::LabelHasBar,
            Self::SeveralLabels,
            Self::NotANumber,
            Self::NotWhich,
            Self::TagsUnlikeWords,
            Self::TagsAreNumbers,
            Self::SpanOutside,
            Self::Contradiction,
            Self::Duplicate,
            Self::ClassOfOne,
            Self::TakenOut,
            Self::NoLabels,
            Self::WordSplit,
            Self::SpansOverlap,
            Self::ClassEmpty,
            Self::ClassSmall,
            Self::LabelsAlike,
            Self::VectorNames,
        ]
    }
}

/// Whether rows are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rows are not trained on.
    LeftOut,
    /// It only says what is odd.
    Notice,
}

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Whether the rows are left out.
    pub severity: Severity,
    /// Numbers of the rows, ascending; empty of what is said of all rows, or of a class.
    pub rows: Vec<u32>,
    /// It in words.
    pub sentence: String,
}

impl Finding {
    /// Something to know about the rows as a whole.
    pub(crate) fn notice(kind: FindingKind, sentence: String) -> Self {
        Self {
            kind,
            severity: Severity::Notice,
            rows: Vec::new(),
            sentence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_place() {
        for (index, kind) in FindingKind::all().into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
