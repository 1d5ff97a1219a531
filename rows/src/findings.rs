//! What is odd about rows, in words.

use serde::{Deserialize, Serialize};

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
                "has an object or a list in place of a label",
                "have objects or lists in place of labels",
                "no label but an object",
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

/// Numbers in ascending order, kept as runs: what is found at every row takes no more than what is found at one.
#[derive(Clone, Debug, Default)]
struct Runs {
    /// First and last number of each run.
    runs: Vec<(u32, u32)>,
    count: usize,
}

impl Runs {
    fn add(&mut self, number: u32) {
        // objects on one line have one number
        if self.runs.last().is_some_and(|(_, last)| *last == number) {
            return;
        }
        self.count += 1;
        if let Some((_, last)) = self.runs.last_mut()
            && last.checked_add(1) == Some(number)
        {
            *last = number;
            return;
        }
        if self.runs.len() == self.runs.capacity() {
            // lists that double hold three times as much while they grow
            self.runs.reserve_exact(64 + self.runs.len() / 4);
        }
        self.runs.push((number, number));
    }

    fn contains(&self, number: u32) -> bool {
        let behind = self.runs.partition_point(|(_, last)| *last < number);
        self.runs
            .get(behind)
            .is_some_and(|(first, _)| *first <= number)
    }

    /// All numbers behind one.
    fn after(&self, number: Option<u32>) -> impl Iterator<Item = u32> {
        let behind = number.map_or(0, |number| {
            self.runs.partition_point(|(_, last)| *last <= number)
        });
        let numbers = self.runs[behind..]
            .iter()
            .flat_map(|&(first, last)| first..=last);
        numbers.skip_while(move |found| number.is_some_and(|number| *found <= number))
    }
}

/// What was found at rows, gathered row by row, for each kind in the rows' order.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowFindings {
    found: [Runs; KINDS],
}

impl RowFindings {
    pub(crate) fn add(&mut self, kind: FindingKind, number: u32) {
        self.found[kind as usize].add(number);
    }

    /// Number of rows of which this was found.
    pub(crate) fn count(&self, kind: FindingKind) -> usize {
        self.found[kind as usize].count
    }

    /// The preview's word on a row: of what is told first.
    pub(crate) fn note(&self, number: u32) -> Option<&'static str> {
        let kinds = FindingKind::all().into_iter();
        let mut kinds = kinds.filter(|kind| self.found[*kind as usize].contains(number));
        kinds.next().map(|kind| kind.words().2)
    }

    /// The first numbers behind one at which something was found, in order, that are also `taken`.
    pub(crate) fn first_after(
        &self,
        number: u32,
        most: usize,
        taken: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut first: Vec<u32> = Vec::new();
        for runs in &self.found {
            first.extend(
                runs.after(Some(number))
                    .filter(|found| taken(*found))
                    .take(most),
            );
        }
        first.sort_unstable();
        first.dedup();
        first.truncate(most);
        first
    }

    /// All findings in order.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        let kinds = FindingKind::all().into_iter();
        let findings = kinds.filter_map(|kind| {
            let runs = std::mem::take(&mut self.found[kind as usize]);
            if runs.count == 0 {
                return None;
            }
            let mut rows = Vec::with_capacity(runs.count);
            rows.extend(runs.after(None));
            let severity = kind.severity();
            let (one, many, _) = kind.words();
            let (said, out) = if rows.len() == 1 {
                (one, ": it is left out")
            } else {
                (many, ": they are left out")
            };
            let out = if severity == Severity::Notice {
                ""
            } else {
                out
            };
            let sentence = format!("{} {said}{out}.", name_rows(&rows));
            Some(Finding {
                kind,
                severity,
                rows,
                sentence,
            })
        });
        findings.collect()
    }
}

/// “Row 4”, “Rows 4 and 9”, “31 rows (4, 9, 12, 13, 20, …)”.
#[must_use]
pub fn name_rows(rows: &[u32]) -> String {
    let joined = |rows: &[u32]| {
        rows.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match rows {
        [row] => format!("Row {row}"),
        [first @ .., last] if rows.len() <= 6 => format!("Rows {} and {last}", joined(first)),
        _ => format!(
            "{} rows ({}, …)",
            thousands(rows.len()),
            joined(&rows[..rows.len().min(5)])
        ),
    }
}

/// “a”, “a” and “b”; of many the first few.
#[must_use]
pub fn name_labels(labels: &[&str]) -> String {
    name_some(labels.iter().copied(), labels.len())
}

/// The first few of so many labels.
pub(crate) fn name_some<'a>(labels: impl Iterator<Item = &'a str>, count: usize) -> String {
    let shown = if count > 6 { 5 } else { 6 };
    let mut quoted: Vec<String> = labels
        .take(shown)
        .map(|label| format!("“{}”", cut(label)))
        .collect();
    let last = if count > 6 {
        Some(format!("{} more", thousands(count - 5)))
    } else {
        quoted.pop()
    };
    let last = last.unwrap_or_default();
    if quoted.is_empty() {
        last
    } else {
        format!("{} and {last}", quoted.join(", "))
    }
}

/// The start of a label that is too long for a sentence.
pub(crate) fn cut(label: &str) -> String {
    const MOST: usize = 60;
    if label.chars().count() <= MOST {
        return label.to_owned();
    }
    let start: String = label.chars().take(MOST - 1).collect();
    format!("{start}…")
}

/// A count with commas between thousands.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut said = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_listed_or_counted() {
        assert_eq!(name_rows(&[4]), "Row 4");
        assert_eq!(name_rows(&[4, 9]), "Rows 4 and 9");
        assert_eq!(name_rows(&[1, 2, 3, 4, 5, 6]), "Rows 1, 2, 3, 4, 5 and 6");
        assert_eq!(
            name_rows(&[1, 2, 3, 4, 5, 6, 7, 8]),
            "8 rows (1, 2, 3, 4, 5, …)"
        );
        let many: Vec<u32> = (1..=12_345).collect();
        assert_eq!(name_rows(&many), "12,345 rows (1, 2, 3, 4, 5, …)");
    }

    #[test]
    fn labels_are_listed_or_counted() {
        assert_eq!(name_labels(&["a"]), "“a”");
        assert_eq!(name_labels(&["a", "b"]), "“a” and “b”");
        let many = ["a", "b", "c", "d", "e", "f", "g", "h"];
        assert_eq!(name_labels(&many), "“a”, “b”, “c”, “d”, “e” and 3 more");
    }

    #[test]
    fn every_kind_stands_at_its_place() {
        for (index, kind) in FindingKind::all().into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
