//! Long documents made of labelled rows.

use std::collections::BTreeMap;

use graftlet::input::text::Text;
use graftlet::train::Row;

/// How many characters a document has at least; four to a token make it longer than two windows.
const CHARACTERS: usize = 5500;
/// Most documents of a set.
const DOCUMENTS: usize = 48;

/// The text of a row of texts.
///
/// # Panics
/// If it is something else.
pub(super) fn text_of(row: &Row) -> &Text {
    match row.input.text() {
        Some(text) => text,
        None => unreachable!("a row of these data sets is a text"),
    }
}

/// Rows that follow one another in the file, joined by `between` until there are `words` words; the tags are joined as
/// well.
pub(super) fn sentences(rows: &[Row], words: usize, between: &str) -> Vec<Row> {
    let mut documents = Vec::new();
    let (mut texts, mut tags, mut count) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let label = row.label.clone().unwrap_or_default();
        count += label.split(' ').count();
        texts.push(text_of(row).first.clone());
        tags.push(label);
        if count >= words {
            documents.push(Row {
                input: Text::from(texts.join(between).as_str()).into(),
                label: Some(tags.join(" ")),
            });
            (texts, tags, count) = (Vec::new(), Vec::new(), 0);
        }
    }
    documents
}

/// Takes rows of a class in turn, from the first again behind the last.
struct Pool<'a> {
    of: BTreeMap<&'a str, (Vec<&'a Row>, usize)>,
}

impl<'a> Pool<'a> {
    fn new(rows: &'a [Row]) -> Self {
        let mut of: BTreeMap<&str, (Vec<&Row>, usize)> = BTreeMap::new();
        for row in rows {
            let label = row.label.as_deref().unwrap_or_default();
            of.entry(label).or_default().0.push(row);
        }
        Self { of }
    }

    fn next(&mut self, class: &str) -> Option<&'a Row> {
        let (rows, at) = self.of.get_mut(class)?;
        let row = rows.get(*at % rows.len())?;
        *at += 1;
        Some(row)
    }
}

/// Documents of which of each `of` successive rows `own` are of one class, which is the document's; the others are
/// of the class `neutral`, or of the other classes in turn. The document begins with rows that are not its class's.
pub(super) fn of_classes(rows: &[Row], own: usize, of: usize, neutral: Option<&str>) -> Vec<Row> {
    let mut pool = Pool::new(rows);
    let classes: Vec<&str> = pool.of.keys().copied().collect();
    let answers: Vec<&str> = { classes.iter().copied() }
        .filter(|class| Some(*class) != neutral && !class.contains('|'))
        .collect();
    let mut documents = Vec::new();
    for index in 0..DOCUMENTS {
        let class = answers[index % answers.len()];
        let others: Vec<&str> = match neutral {
            Some(neutral) => vec![neutral],
            None => { classes.iter().copied() }
                .filter(|other| *other != class)
                .collect(),
        };
        let (mut text, mut place) = (String::new(), 0);
        while text.len() < CHARACTERS {
            // the rows of other classes stand first in every group
            let from = if place % of < of - own {
                others[(index + place) % others.len()]
            } else {
                class
            };
            place += 1;
            if let Some(row) = pool.next(from) {
                text.push_str(&text_of(row).first);
                text.push('\n');
            }
        }
        documents.push(Row {
            input: Text::from(text.as_str()).into(),
            label: Some(class.to_owned()),
        });
    }
    documents
}

/// Pairs of documents: pairs of rows whose numbers are alike, all first texts joined and all second ones. The number
/// is their mean. With `one_long` the second text is that of the first row alone, and so is the number.
pub(super) fn of_pairs(rows: &[Row], one_long: bool) -> Vec<Row> {
    let number = |row: &Row| -> f64 {
        let label = row.label.as_deref().unwrap_or_default();
        label.parse().unwrap_or_default()
    };
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|a, b| number(a).total_cmp(&number(b)));
    let mut documents = Vec::new();
    // rows of one number, far apart in the file, so that their subjects differ
    let size = 1 + rows.len() / DOCUMENTS;
    for group in sorted.chunks(size) {
        let (mut first, mut second, mut sum, mut count) = (String::new(), String::new(), 0.0, 0);
        for row in group.iter().cycle() {
            first.push_str(&text_of(row).first);
            first.push('\n');
            let other = text_of(row).second.as_deref().unwrap_or_default();
            if !one_long || count == 0 {
                second.push_str(other);
                second.push('\n');
                sum += number(row);
            }
            count += 1;
            if first.len() >= CHARACTERS {
                break;
            }
        }
        let mean = if one_long {
            sum
        } else {
            sum / f64::from(count)
        };
        documents.push(Row {
            input: Text::pair(&first, &second).into(),
            label: Some(mean.to_string()),
        });
    }
    documents
}
