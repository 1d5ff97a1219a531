//! What a table holds once it is said how to read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blocked::blocked_by;
use crate::classes::{ClassCount, Counts, renamed};
use crate::columns::{Columns, zero_or_one};
use crate::encoding::DAMAGED;
use crate::findings::{Finding, FindingKind, RowFindings, name_some};
use crate::labels::{self, MOST_LABELS, Said, said};
use crate::merge::{self, Mergeable};
use crate::pool::{Names, Pool, hash};
use crate::problem::{Form, LABEL_SEPARATOR, Problem, says_which};
use crate::rows::Rows;
use crate::spans::tagged;
use crate::table::{Cell, Format, Table};
use crate::tags::{Bio, is_tag};

/// How a table is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Which column is which.
    pub columns: Columns,
    /// What the labels say.
    pub problem: Problem,
    /// The label of texts that have none of the others; of one label a text only.
    #[serde(default)]
    pub reject: Option<String>,
    /// Labels that were put right by hand, by row number; null takes the row out.
    #[serde(default)]
    pub corrections: BTreeMap<u32, Option<String>>,
    /// Whether labels that differ only in case or spaces become one.
    #[serde(default)]
    pub merge: bool,
    /// Whether the rows are to judge on, not to learn from: rows that repeat or contradict others, and classes of one row,
    /// stay.
    #[serde(default)]
    pub judged: bool,
}

/// A row as the preview shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Its number in the file.
    pub number: u32,
    /// The start of its text.
    pub text: String,
    /// The start of its second text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text2: Option<String>,
    /// Its label as the file has it.
    pub label: String,
    /// What was found at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// What is in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// What the labels are read as.
    pub problem: Problem,
    /// Rows that would be trained on.
    pub usable: usize,
    /// Classes among them (of tags the kinds of spans), largest first; empty of numbers.
    pub classes: Vec<ClassCount>,
    /// The range of numbers.
    pub range: Option<Range>,
    /// What is odd, with row numbers.
    pub findings: Vec<Finding>,
    /// Why training cannot start.
    pub blocked: Option<String>,
    /// The first rows, and after them the first rows that something was found at.
    pub preview: Vec<PreviewRow>,
    /// Labels that differ only in case or spaces, also those that were merged.
    pub mergeable: Vec<Mergeable>,
}

/// An inspection and the rows to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// What was found.
    pub inspection: Inspection,
    /// The rows.
    pub rows: Rows,
    /// The number of each of `rows` in the file.
    pub numbers: Vec<u32>,
}

/// How many rows the preview shows of each sort, and how much of a text.
const PREVIEW_ROWS: usize = 5;
const PREVIEW_CHARACTERS: usize = 240;

/// A class with fewer rows is learned, but hardly.
const FEW_ROWS: u32 = 5;

pub(crate) fn inspect(table: &Table, choice: &Choice) -> Looked {
    let problem = choice.problem;
    let mut found = table.faults().clone();
    let form = table.form(&choice.columns);
    let mut candidates = Candidates::read(table, choice, &form, &mut found);
    let mut notices = Vec::new();
    if form.vector.is_some() && matches!(problem, Problem::SingleLabel | Problem::MultiLabel) {
        notices.push(Finding::notice(
            FindingKind::VectorNames,
            "Labels are lists of zeros and ones without names: they are called “label_0”, “label_1” and so on.".into(),
        ));
    }
    let mergeable = candidates.rename(choice);
    notices.splice(0..0, merge::findings(&mergeable, choice.merge));
    if !choice.judged {
        candidates.leave_out_repeats(&mut found);
        if problem == Problem::SingleLabel {
            candidates.leave_out_lonely(choice.reject.as_deref(), &mut found);
        }
    }
    let counts = Counts::of(&candidates.labels, candidates.label_counts(), problem);
    let by_size = counts.by_size();
    let usable = candidates.numbers.len();
    let blocked = blocked_by(table, choice, usable, &counts, &by_size, &found);
    let preview = preview(table, choice, &found);
    if !choice.judged && !matches!(problem, Problem::Regression | Problem::Ranking) {
        let mut about = about_classes(&counts, &by_size);
        about.append(&mut notices);
        notices = about;
    }
    let mut findings = found.into_findings();
    findings.append(&mut notices);
    let inspection = Inspection {
        problem,
        usable,
        classes: counts.listed(&by_size),
        range: (problem == Problem::Regression)
            .then(|| candidates.range())
            .flatten(),
        findings,
        blocked,
        preview,
        mergeable,
    };
    Looked {
        inspection,
        rows: Rows {
            texts: candidates.texts,
            seconds: candidates.seconds,
            labels: candidates.labels.into_pool(),
            label_of: candidates.label_of,
        },
        numbers: candidates.numbers,
    }
}

pub(crate) fn texts(table: &Table, columns: &Columns) -> (Rows, Vec<u32>) {
    let (mut rows, mut places) = (Rows::default(), Vec::new());
    rows.labels.push("");
    let mut cursor = table.cursor();
    for row in 0..table.len() {
        let cells = cursor.row(row);
        let shown = |column: usize| cells.get(column).map(Cell::shown).unwrap_or_default();
        let text = shown(columns.text);
        let second = columns.text2.map(shown);
        if text.trim().is_empty()
            || second
                .as_ref()
                .is_some_and(|second| second.trim().is_empty())
        {
            continue;
        }
        rows.texts.push(text.trim());
        if let Some(second) = second {
            rows.seconds.push(second.trim());
        }
        rows.label_of.push(0);
        places.push(u32::try_from(row).unwrap_or(u32::MAX));
    }
    (rows, places)
}

/// Rows whose cells can be read.
#[derive(Default)]
struct Candidates {
    texts: Pool,
    seconds: Pool,
    /// All labels that were seen, also those of rows that are left out.
    labels: Names,
    label_of: Vec<u32>,
    numbers: Vec<u32>,
}

impl Candidates {
    fn read(table: &Table, choice: &Choice, form: &Form, found: &mut RowFindings) -> Self {
        let columns = &choice.columns;
        let mut candidates = Self::default();
        candidates.texts.reserve(table.len());
        candidates.label_of.reserve_exact(table.len());
        candidates.numbers.reserve_exact(table.len());
        if columns.text2.is_some() {
            candidates.seconds.reserve(table.len());
        }
        let has_damage = table.has_damage();
        let none = Cell::Text("".into());
        let mut cursor = table.cursor();
        for row in 0..table.len() {
            let number = table.number(row);
            let cells = cursor.row(row);
            let cell = |column: usize| cells.get(column).unwrap_or(&none);
            let text = cell(columns.text);
            let correction = choice.corrections.get(&number);
            if correction.is_some_and(Option::is_none) {
                found.add(FindingKind::TakenOut, number);
                continue;
            }
            let corrected = correction.and_then(Option::as_ref);
            let corrected = corrected.map(|label| Cell::Text(label.as_str().into()));
            let flags = (columns.label.is_none() && corrected.is_none())
                .then(|| flags(table, choice, cells));
            let label_cell = corrected
                .as_ref()
                .or(columns.label.map(cell))
                .unwrap_or(&none);
            let read = match flags {
                Some(label) => label,
                None => read_label(label_cell, text, choice.problem, form),
            };
            let label_is_damaged = has_damage && label_cell.shown().contains(DAMAGED);
            let label = match &read {
                Ok(read) if !label_is_damaged => Some(candidates.labels.number(&read.label)),
                _ => None,
            };
            let shown = text.shown();
            let shown = Some(shown.trim()).filter(|text| !labels::is_missing(text));
            let shown = shown.unwrap_or_default();
            let second = columns.text2.map(|column| cell(column).shown());
            let second = second.as_ref().map(|second| second.trim());
            let is_damaged = |text: &str| has_damage && text.contains(DAMAGED);
            let is_object = |column: usize| is_object(cell(column));
            if label_is_damaged || is_damaged(shown) || second.is_some_and(is_damaged) {
                found.add(FindingKind::Damaged, number);
            } else if shown.is_empty() {
                found.add(FindingKind::TextMissing, number);
            } else if is_object(columns.text) || columns.text2.is_some_and(is_object) {
                found.add(FindingKind::TextObject, number);
            } else if second == Some("") {
                found.add(FindingKind::Text2Missing, number);
            } else {
                match read {
                    Err(kind) => found.add(kind, number),
                    Ok(read) => {
                        if read.label.is_empty() {
                            found.add(FindingKind::NoLabels, number);
                        }
                        if read.split {
                            found.add(FindingKind::WordSplit, number);
                        }
                        if read.overlap {
                            found.add(FindingKind::SpansOverlap, number);
                        }
                        candidates
                            .texts
                            .push(read.words.as_deref().unwrap_or(shown));
                        if let Some(second) = second {
                            candidates.seconds.push(second);
                        }
                        candidates.label_of.push(label.unwrap_or_default());
                        candidates.numbers.push(number);
                    }
                }
            }
        }
        candidates.shrink();
        candidates
    }

    /// Gives back the room of rows that are left out.
    fn shrink(&mut self) {
        self.texts.shrink();
        self.seconds.shrink();
        self.label_of.shrink_to_fit();
        self.numbers.shrink_to_fit();
    }

    /// How many rows each label has.
    fn label_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.labels.len()];
        for &label in &self.label_of {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// Calls a class by one name: whole numbers without a decimal point and, if that is chosen, labels that differ
    /// only in case or spaces by the form that most rows use. Returns the labels that so differ.
    fn rename(&mut self, choice: &Choice) -> Vec<Mergeable> {
        let problem = choice.problem;
        if matches!(problem, Problem::Regression | Problem::Ranking) {
            return Vec::new();
        }
        let counts = Counts::of(&self.labels, self.label_counts(), problem);
        let classes = matches!(problem, Problem::SingleLabel | Problem::MultiLabel);
        let numbers = classes
            && counts.names().any(|name| labels::whole(name).is_some())
            && counts
                .names()
                .all(|name| labels::number(name).is_none_or(|number| number.fract() == 0.0));
        if numbers {
            self.relabel(problem, |name| labels::whole(name).map(Into::into));
            return Vec::new();
        }
        let groups = merge::find(&counts);
        if choice.merge && !groups.is_empty() {
            let names = merge::names(&groups);
            self.relabel(problem, |name| names.get(name).map(|&name| name.to_owned()));
        }
        groups
    }

    fn relabel(&mut self, problem: Problem, rename: impl Fn(&str) -> Option<String>) {
        let mut labels = Names::default();
        let new: Vec<u32> = self
            .labels
            .iter()
            .map(|label| labels.number(&renamed(label, problem, &rename)))
            .collect();
        for label in &mut self.label_of {
            *label = new.get(*label as usize).copied().unwrap_or_default();
        }
        self.labels = labels;
    }

    /// Keeps the first of equal rows; of rows that give one text different labels none, as nobody knows which is right.
    fn leave_out_repeats(&mut self, found: &mut RowFindings) {
        let count = self.numbers.len();
        let hash = |row: usize| {
            let first = hash(self.texts.get(row).as_bytes(), 0);
            hash(self.seconds.get(row).as_bytes(), first)
        };
        let same = |a: usize, b: usize| {
            self.texts.get(a) == self.texts.get(b) && self.seconds.get(a) == self.seconds.get(b)
        };
        let mut table: hashbrown::HashTable<u32> = hashbrown::HashTable::new();
        let mut fates = vec![Fate::First; count];
        for row in 0..count {
            let own = u32::try_from(row).unwrap_or(u32::MAX);
            let key = hash(row);
            let first = table.find(key, |&other| same(other as usize, row));
            if let Some(&first) = first {
                fates[row] = Fate::Repeats;
                if self.label_of[first as usize] != self.label_of[row] {
                    fates[first as usize] = Fate::Contradicts;
                }
            } else {
                table.insert_unique(key, own, |&other| hash(other as usize));
            }
        }
        for row in 0..count {
            if fates[row] == Fate::Repeats
                && let Some(&first) = table.find(hash(row), |&other| same(other as usize, row))
                && fates[first as usize] == Fate::Contradicts
            {
                fates[row] = Fate::Contradicts;
            }
        }
        drop(table);
        for (&fate, &number) in fates.iter().zip(&self.numbers) {
            match fate {
                Fate::First => {}
                Fate::Repeats => found.add(FindingKind::Duplicate, number),
                Fate::Contradicts => found.add(FindingKind::Contradiction, number),
            }
        }
        self.keep(|row| fates[row] == Fate::First);
    }

    /// Leaves out rows that are alone in their class: nothing could judge what was learned from them.
    fn leave_out_lonely(&mut self, reject: Option<&str>, found: &mut RowFindings) {
        let counts = self.label_counts();
        // with a single class there is a better thing to say than that its row is lonely
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            return;
        }
        let alone: Vec<bool> = counts
            .iter()
            .zip(self.labels.iter())
            .map(|(&count, label)| count == 1 && Some(label) != reject)
            .collect();
        let is_alone: Vec<bool> = self
            .label_of
            .iter()
            .map(|&label| alone[label as usize])
            .collect();
        for (_, &number) in is_alone
            .iter()
            .zip(&self.numbers)
            .filter(|(alone, _)| **alone)
        {
            found.add(FindingKind::ClassOfOne, number);
        }
        self.keep(|row| !is_alone[row]);
    }

    /// Keeps the rows whose index this holds of.
    fn keep(&mut self, is_kept: impl Fn(usize) -> bool) {
        if (0..self.numbers.len()).all(&is_kept) {
            return;
        }
        self.texts.retain(&is_kept);
        if self.seconds.len() > 0 {
            self.seconds.retain(&is_kept);
        }
        for list in [&mut self.label_of, &mut self.numbers] {
            let mut rows = 0..;
            list.retain(|_| rows.next().is_some_and(&is_kept));
        }
        self.shrink();
    }

    fn range(&self) -> Option<Range> {
        let numbers = self
            .label_of
            .iter()
            .filter_map(|&label| self.labels.get(label).parse::<f64>().ok());
        numbers.fold(None, |range: Option<Range>, number| {
            let Range { least, most } = range.unwrap_or(Range {
                least: number,
                most: number,
            });
            Some(Range {
                least: least.min(number),
                most: most.max(number),
            })
        })
    }
}

/// What becomes of a row whose text may stand in others too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No row before it has its text.
    First,
    /// A row before it has its text and label.
    Repeats,
    /// Rows with its text have different labels.
    Contradicts,
}

fn is_object(cell: &Cell<'_>) -> bool {
    let Cell::Value(value) = cell else {
        return false;
    };
    !matches!(said(cell), Said::List(_)) && value.plain().is_none()
}

/// A label as the engine takes it.
#[derive(Default)]
struct Label {
    label: String,
    /// The text's words, where they have tags.
    words: Option<String>,
    split: bool,
    overlap: bool,
}

impl Label {
    fn of(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }
}

/// The label that columns of zeros and ones give.
fn flags(table: &Table, choice: &Choice, cells: &[Cell<'_>]) -> Result<Label, FindingKind> {
    let columns = &choice.columns.label_columns;
    if columns.is_empty() {
        return if choice.problem == Problem::MultiLabel {
            Ok(Label::default())
        } else {
            Err(FindingKind::LabelMissing)
        };
    }
    let mut names = Vec::new();
    for &column in columns {
        let shown = cells.get(column).map(Cell::shown).unwrap_or_default();
        match zero_or_one(&shown) {
            Some(true) => names.extend(table.source().columns.get(column)),
            Some(false) => {}
            None if shown.trim().is_empty() => return Err(FindingKind::LabelMissing),
            None => return Err(FindingKind::LabelObject),
        }
    }
    let common = common_path(table, columns);
    let names: Vec<&str> = names
        .into_iter()
        .map(|name| name.get(common..).unwrap_or(name).trim())
        .collect();
    match choice.problem {
        Problem::SingleLabel => match names[..] {
            [name] => Ok(Label::of(name)),
            _ => Err(FindingKind::SeveralLabels),
        },
        Problem::MultiLabel => joined(names.into_iter()).map(Label::of),
        Problem::Regression => Err(FindingKind::NotANumber),
        Problem::TokenClassification => Err(FindingKind::TagsUnlikeWords),
        Problem::Ranking => Err(FindingKind::NotWhich),
    }
}

/// Length of the path that the columns of labels have in common: the members of one object are called by their keys.
fn common_path(table: &Table, columns: &[usize]) -> usize {
    let names = &table.source().columns;
    let path = |&column: &usize| {
        let name = names.get(column)?;
        name.rfind('.').map(|at| &name[..=at])
    };
    let first = columns.first().and_then(path).unwrap_or_default();
    let same = matches!(table.source().format, Format::Json | Format::Jsonl)
        && columns.iter().all(|column| path(column) == Some(first));
    if same { first.len() } else { 0 }
}

/// Labels joined by the separator, each once.
fn joined<'a>(labels: impl Iterator<Item = &'a str>) -> Result<String, FindingKind> {
    let mut all: Vec<&str> = Vec::new();
    for label in labels {
        if label.contains(LABEL_SEPARATOR) {
            return Err(FindingKind::LabelHasBar);
        }
        if all.len() == MOST_LABELS {
            return Err(FindingKind::LabelObject);
        }
        if !all.contains(&label) {
            all.push(label);
        }
    }
    Ok(all.join("|"))
}

fn read_label(
    cell: &Cell<'_>,
    text: &Cell<'_>,
    problem: Problem,
    form: &Form,
) -> Result<Label, FindingKind> {
    let said = said(cell);
    // a text with any number of labels may have none
    if said == Said::Missing && problem != Problem::MultiLabel {
        return Err(FindingKind::LabelMissing);
    }
    let vector = |list: &str| {
        let ones = labels::words(list)
            .enumerate()
            .filter(|(_, one)| zero_or_one(one) == Some(true));
        ones.map(|(index, _)| format!("label_{index}"))
            .take(MOST_LABELS)
            .collect::<Vec<_>>()
    };
    match problem {
        Problem::SingleLabel => match said {
            Said::Plain(label) => Ok(Label::of(label)),
            Said::List(list) => {
                let names = if form.vector.is_some() {
                    vector(list)
                } else {
                    labels::words(list)
                        .take(2)
                        .map(|word| word.trim().to_owned())
                        .collect()
                };
                match &names[..] {
                    [name] if !name.is_empty() => Ok(Label::of(name.clone())),
                    [] if form.vector.is_none() => Err(FindingKind::LabelMissing),
                    _ => Err(FindingKind::SeveralLabels),
                }
            }
            _ => Err(FindingKind::LabelObject),
        },
        Problem::MultiLabel => match said {
            Said::Missing => Ok(Label::default()),
            Said::Plain(label) if form.vector.is_some() && labels::digits(&label).is_some() => {
                let ones = labels::digits(&label).into_iter().flatten().enumerate();
                let ones = ones.filter(|(_, one)| *one).take(MOST_LABELS);
                let names: Vec<String> = ones.map(|(index, _)| format!("label_{index}")).collect();
                joined(names.iter().map(String::as_str)).map(Label::of)
            }
            Said::Plain(label) => {
                let bare = labels::bare_list(&label).filter(|_| form.bare);
                let label = bare.unwrap_or(&label);
                joined(labels::parts(label, form.separator)).map(Label::of)
            }
            Said::List(list) if form.vector.is_some() => {
                joined(vector(list).iter().map(String::as_str)).map(Label::of)
            }
            Said::List(list) => {
                let words: Vec<String> = labels::words(list)
                    .take(MOST_LABELS + 1)
                    .map(|word| word.trim().to_owned())
                    .collect();
                joined(
                    words
                        .iter()
                        .map(String::as_str)
                        .filter(|word| !word.is_empty()),
                )
                .map(Label::of)
            }
            _ => Err(FindingKind::LabelObject),
        },
        Problem::Regression => {
            let number = match said {
                Said::Plain(label) => labels::number(&label),
                _ => None,
            };
            number
                .map(|number| Label::of(number.to_string()))
                .ok_or(FindingKind::NotANumber)
        }
        Problem::TokenClassification => read_tags(said, text, form),
        Problem::Ranking => match said {
            Said::Plain(label) if says_which(&label) => Ok(Label::of(label.trim().to_lowercase())),
            Said::Plain(label) => labels::number(&label)
                .map(|number| Label::of(number.to_string()))
                .ok_or(FindingKind::NotWhich),
            _ => Err(FindingKind::NotWhich),
        },
    }
}

fn read_tags(label: Said<'_>, text: &Cell<'_>, form: &Form) -> Result<Label, FindingKind> {
    let is_right = |tag: &str| {
        if form.span_tags {
            is_tag(tag)
        } else {
            !tag.is_empty() && !tag.contains(char::is_whitespace)
        }
    };
    let text_list = match said(text) {
        Said::List(list) => Some(list),
        _ => None,
    };
    let spans = match label {
        Said::Spans(spans) => spans,
        Said::List(list) if text_list.is_none() && labels::words(list).next().is_none() => {
            Vec::new()
        }
        Said::List(list) => {
            let numbers = labels::words(list).all(|tag| tag.parse::<i64>().is_ok());
            let tags = labels::words(list);
            return if numbers && labels::words(list).count() == word_count(text, text_list) {
                Err(FindingKind::TagsAreNumbers)
            } else if labels::words(list).all(|tag| is_right(&tag)) {
                sentence(text, text_list, tags)
            } else {
                Err(FindingKind::TagsUnlikeWords)
            };
        }
        Said::Plain(tags) => {
            return match labels::tags(&tags, is_right) {
                Some(tags) => sentence(text, text_list, tags.map(Into::into)),
                None => Err(FindingKind::TagsUnlikeWords),
            };
        }
        Said::Missing | Said::Object => return Err(FindingKind::LabelObject),
    };
    if text_list.is_some() {
        return Err(FindingKind::TagsUnlikeWords);
    }
    let found = tagged(&text.shown(), spans).ok_or(FindingKind::SpanOutside)?;
    Ok(Label {
        label: found.tags,
        words: Some(found.words),
        split: found.split,
        overlap: found.overlap,
    })
}

fn word_count(text: &Cell<'_>, list: Option<&str>) -> usize {
    match list {
        Some(list) => labels::words(list).count(),
        None => text.shown().split_whitespace().count(),
    }
}

/// The words of a text, or of a list of them, with a tag each. A word with spaces in it becomes several, a blank one none.
fn sentence<'a>(
    text: &Cell<'_>,
    list: Option<&str>,
    mut tags: impl Iterator<Item = std::borrow::Cow<'a, str>>,
) -> Result<Label, FindingKind> {
    let mut words = String::new();
    let mut bio = Bio::default();
    let mut add = |word: &str| {
        let tag = tags.next().ok_or(FindingKind::TagsUnlikeWords)?;
        for (index, part) in word.split_whitespace().enumerate() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(part);
            if index == 0 {
                bio.push(&tag);
            } else {
                bio.go_on();
            }
        }
        Ok(())
    };
    match list {
        Some(list) => labels::words(list).try_for_each(|word| add(&word))?,
        None => text.shown().split_whitespace().try_for_each(add)?,
    }
    if tags.next().is_some() {
        return Err(FindingKind::TagsUnlikeWords);
    }
    Ok(Label {
        label: bio.joined,
        words: Some(words),
        ..Label::default()
    })
}

/// Classes that are named in the file, also in rows that are left out, and have no row left; and those with few.
fn about_classes(classes: &Counts<'_>, by_size: &[u32]) -> Vec<Finding> {
    let empty = classes.empty();
    let small = || {
        by_size
            .iter()
            .filter(|&&number| classes.rows(number) < FEW_ROWS)
    };
    let mut findings = Vec::new();
    if !empty.is_empty() {
        let names = name_some(
            empty.iter().map(|&number| classes.name(number)),
            empty.len(),
        );
        let sentence = if empty.len() == 1 {
            format!("The class {names} has no row left: it is not learned.")
        } else {
            format!("The classes {names} have no row left: they are not learned.")
        };
        findings.push(Finding::notice(FindingKind::ClassEmpty, sentence));
    }
    let count = small().count();
    if count > 0 {
        let names = name_some(small().map(|&number| classes.name(number)), count);
        let have = if count == 1 { "has" } else { "have" };
        findings.push(Finding::notice(
            FindingKind::ClassSmall,
            format!("{names} {have} fewer than {FEW_ROWS} rows: more would help."),
        ));
    }
    findings
}

fn preview(table: &Table, choice: &Choice, found: &RowFindings) -> Vec<PreviewRow> {
    let mut cursor = table.cursor();
    let mut rows = Vec::new();
    let mut flagged = 0;
    let first = table.len().min(PREVIEW_ROWS);
    let mut show = |row: usize| {
        let number = table.number(row);
        let note = found.note(number);
        flagged += usize::from(note.is_some());
        rows.push(preview_row(table, choice, number, cursor.row(row), note));
        flagged
    };
    let mut shown = 0;
    for row in 0..first {
        shown = show(row);
    }
    let last = first.checked_sub(1).map_or(0, |row| table.number(row));
    let further = found.first_after(last, PREVIEW_ROWS, |number| table.row_of(number).is_some());
    for row in further
        .into_iter()
        .filter_map(|number| table.row_of(number))
    {
        if shown >= PREVIEW_ROWS {
            break;
        }
        shown = show(row);
    }
    rows
}

fn preview_row(
    table: &Table,
    choice: &Choice,
    number: u32,
    cells: &[Cell<'_>],
    note: Option<&str>,
) -> PreviewRow {
    let columns = &choice.columns;
    let cut = |text: &str| {
        text.trim()
            .chars()
            .take(PREVIEW_CHARACTERS)
            .collect::<String>()
    };
    let shown = |column: usize| {
        cells
            .get(column)
            .map(|cell| cut(&cell.shown()))
            .unwrap_or_default()
    };
    let tags = choice.problem == Problem::TokenClassification;
    let label = |column: usize| {
        let separator = if tags { " " } else { "|" };
        cells
            .get(column)
            .map(|cell| cut(&cell.joined(separator)))
            .unwrap_or_default()
    };
    let correction = choice.corrections.get(&number).cloned().flatten();
    let names = || {
        let ones = columns
            .label_columns
            .iter()
            .filter(|&&column| zero_or_one(&shown(column)) == Some(true));
        let common = common_path(table, &columns.label_columns);
        let names = ones.filter_map(|&column| table.source().columns.get(column)?.get(common..));
        names.collect::<Vec<_>>().join("|")
    };
    PreviewRow {
        number,
        text: shown(columns.text),
        text2: columns.text2.map(shown),
        label: correction.unwrap_or_else(|| columns.label.map_or_else(names, label)),
        note: note.map(str::to_owned),
    }
}
