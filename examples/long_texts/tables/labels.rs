//! Texts with labels.

use graftlet::Result;
use graftlet::engine::Engine;
use graftlet::train::{Outcomes, Row};

use super::super::documents;
use super::super::rules::LOGITS;
use super::{FEW_SIZES, Folders, add, dataset, judge, names, read, said, sizes, windows};

pub(super) fn all_labels(engine: &mut Engine, folders: &Folders) -> Result<()> {
    println!(
        "\n| documents | rows of the class | window | windows | score | {} |",
        names(&LOGITS)
    );
    println!("|{}", " --- |".repeat(5 + LOGITS.len()));
    let sets = [
        ("sst2", 1, 1, None),
        ("sst2", 2, 3, None),
        ("trec", 1, 1, None),
        ("trec", 1, 2, None),
        ("sms_spam", 1, 4, Some("ham")),
        ("clickbait", 2, 3, None),
        ("goemotions_ekman", 1, 1, Some("neutral")),
        ("goemotions_ekman", 1, 2, Some("neutral")),
    ];
    for (task, own, of, neutral) in sets {
        let read = read(folders, task, "test.csv")?;
        let documents = documents::of_classes(&read, own, of, neutral);
        labels(engine, folders, task, &format!("{own} of {of}"), &documents)?;
    }
    let read_pairs = read(folders, "stsb", "test.csv")?;
    for (one_long, what) in [(false, "both long"), (true, "one long")] {
        let documents = documents::of_pairs(&read_pairs, one_long);
        labels(engine, folders, "stsb", what, &documents)?;
    }
    Ok(())
}

/// A line of the table of scores by rule.
pub(super) fn labels(
    engine: &mut Engine,
    folders: &Folders,
    name: &str,
    what: &str,
    rows: &[Row],
) -> Result<()> {
    for (size, overlap) in sizes(&FEW_SIZES) {
        labels_by(engine, folders, (name, what), rows, (size, overlap))?;
    }
    Ok(())
}

fn labels_by(
    engine: &mut Engine,
    folders: &Folders,
    (name, what): (&str, &str),
    rows: &[Row],
    (size, overlap): (usize, usize),
) -> Result<()> {
    let task = add(engine, folders, name)?;
    let data = dataset(engine, &task, rows)?;
    let mut all = Vec::with_capacity(rows.len());
    let mut count = 0;
    for row in rows {
        let windows = windows(engine, documents::text_of(row), size, overlap)?;
        count += windows.len();
        all.push(said(engine, &task, &windows)?);
    }
    let metric = data.scheme().problem.metric().name();
    print!(
        "| {name} | {what} | {size} | {} | {metric} |",
        count / rows.len()
    );
    for (_, rule) in LOGITS {
        let mut outcomes = Outcomes::new(data.labels().len());
        for (index, said) in all.iter().enumerate() {
            outcomes.add(&data, index, &rule(said));
        }
        print!(" {:.3} |", judge(&task, &data, &outcomes)?);
    }
    println!();
    Ok(())
}
