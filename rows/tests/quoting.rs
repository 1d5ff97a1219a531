//! How cells are quoted where it is not as RFC 4180 has it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet_rows::FindingKind;
use support::{findings, look_as, pairs, table};

#[track_caller]
fn reads(text: &str, right: &[(&str, &str)]) {
    let looked = look_as(text, |choice| choice.judged = true);
    let found = pairs(&looked);
    let found: Vec<_> = found
        .iter()
        .map(|(text, label)| (text.as_str(), label.as_str()))
        .collect();
    assert_eq!(found[..right.len()], *right, "{text}");
    let rows = text.matches("pos").count() + text.matches("neg").count();
    assert_eq!(looked.rows.len(), rows, "{text}");
}

#[test]
fn backslashes_before_quotes() {
    let right = [
        ("He said \"no\", and left", "pos"),
        ("a plain text", "neg"),
        ("\"Wow\"", "pos"),
        ("C:\\path", "neg"),
    ];
    let csv = "\"text\",\"label\"\n\"He said \\\"no\\\", and left\",\"pos\"\n\"a plain text\",\"neg\"\n\"\\\"Wow\\\"\",\"pos\"\n\"C:\\\\path\",\"neg\"\n";
    reads(csv, &right);
    reads(&csv.replace("\",\"", "\"\t\""), &right);
    reads(&csv.replace("\",\"", "\";\""), &right);
    // only where it is needed
    let few = "text,label\n\"He said \\\"no\\\", and left\",pos\na plain text,neg\n\"\\\"Wow\\\"\",pos\nC:\\path,neg\n";
    reads(few, &right);
    // a backslash at the end of a cell is a character where quotes are doubled
    reads(
        "text,label\n\"C:\\\",pos\n\"a \"\"b\"\", c\",neg\nd,pos\n",
        &[("C:\\", "pos"), ("a \"b\", c", "neg")],
    );
}

#[test]
fn single_quotes() {
    let right = [("a text, with a comma", "pos"), ("it's \"plain\"", "neg")];
    reads(
        "text,label\n'a text, with a comma','pos'\n'it''s \"plain\"','neg'\n'third','pos'\n",
        &right,
    );
    let few = "text,label\n'a text, with a comma',pos\nplain,neg\n'b, c',pos\nd,neg\n";
    reads(few, &[right[0], ("plain", "neg"), ("b, c", "pos")]);
    // apostrophes are characters
    let apostrophes =
        "text,label\n'Twas the night,pos\nthe dogs',neg\n'tis rock 'n' roll,pos\nplain,neg\n";
    reads(
        apostrophes,
        &[("'Twas the night", "pos"), ("the dogs'", "neg")],
    );
    let quoted = "text,label\n\"'Wow', she said\",pos\n\"'No', he said\",neg\n";
    reads(quoted, &[("'Wow', she said", "pos")]);
}

#[test]
fn a_stray_quote_among_escapes_still_costs_one_row() {
    let rows: String = (0..20)
        .map(|i| format!("\"he said \\\"no {i}\\\"\",{}\n", ["pos", "neg"][i % 2]))
        .collect();
    let looked = look_as(format!("text,label\n\"open,pos\n{rows}"), |choice| {
        choice.judged = true;
    });
    assert_eq!(findings(&looked)[&FindingKind::Misquoted], [2]);
    assert_eq!(looked.rows.len(), 20);
}

#[test]
fn it_is_said() {
    let notes = |text: &str| table(text).source().notes.clone();
    let single = "text,label\n'a, b','pos'\n'c, d','neg'\n";
    assert_eq!(
        notes(single),
        ["Cells of this file stand between single quotes."]
    );
    let escaped = "text,label\n\"a \\\"b\\\", c\",pos\n\"d\",neg\n";
    assert_eq!(
        notes(escaped),
        ["Backslashes stand before quotes in this file."]
    );
}
