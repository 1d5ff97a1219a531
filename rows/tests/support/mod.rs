//! Reading in one call.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;

use graftlet_rows::{Choice, Columns, FindingKind, Looked, Options, Problem, Table, open};

/// A text as the reader takes it.
pub fn table(text: impl AsRef<[u8]>) -> Table {
    open(text.as_ref().to_vec(), &Options::default()).unwrap()
}

/// The text with every guess, but for what `change` says.
pub fn look_as(text: impl AsRef<[u8]>, change: impl FnOnce(&mut Choice)) -> Looked {
    let table = table(text);
    let columns = table.source().guess.clone();
    let problem = table.propose(&columns).problem;
    let mut choice = Choice {
        columns,
        problem,
        ..Choice::default()
    };
    change(&mut choice);
    table.inspect(&choice)
}

pub fn look(text: impl AsRef<[u8]>) -> Looked {
    look_as(text, |_| {})
}

/// What was found, as kind and row numbers.
pub fn findings(looked: &Looked) -> BTreeMap<FindingKind, Vec<u32>> {
    let findings = looked.inspection.findings.iter();
    findings
        .map(|finding| (finding.kind, finding.rows.clone()))
        .collect()
}

/// Texts and labels.
pub fn pairs(looked: &Looked) -> Vec<(String, String)> {
    let rows = looked.rows.iter();
    rows.map(|row| (row.text.to_owned(), row.label.to_owned()))
        .collect()
}

pub fn labels(looked: &Looked) -> Vec<String> {
    pairs(looked).into_iter().map(|(_, label)| label).collect()
}

/// The cells of a table, as the page gives them back.
pub fn cells(table: &Table) -> Vec<Vec<String>> {
    let csv = table.answered(&[], &[], &[]);
    let again = open(
        csv.into_bytes(),
        &Options {
            delimiter: Some(table.source().delimiter.unwrap_or(',')),
            header: Some(true),
            ..Options::default()
        },
    );
    let again = again.unwrap();
    assert_eq!(again.source().columns.len(), table.source().columns.len());
    let columns = again.source().columns.len();
    let mut rows = vec![Vec::new(); again.len()];
    for column in 0..columns {
        let choice = Columns {
            text: column,
            ..Columns::default()
        };
        let (texts, places) = again.texts(&choice);
        let mut texts = texts.iter();
        for (index, row) in rows.iter_mut().enumerate() {
            let filled = places.contains(&u32::try_from(index).unwrap());
            row.push(if filled {
                texts.next().unwrap().text.to_owned()
            } else {
                String::new()
            });
        }
    }
    rows
}

pub fn problem_of(labels: &[&str]) -> Problem {
    let rows: String = labels
        .iter()
        .enumerate()
        .map(|(i, label)| format!("text {i}\t{label}\n"))
        .collect();
    let table = table(format!("text\tlabel\n{rows}"));
    table.propose(&table.source().guess).problem
}
