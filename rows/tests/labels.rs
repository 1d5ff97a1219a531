//! The forms in which labels are written: each is read as what it says, never as one odd class.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet_rows::{FindingKind, Looked, Problem};
use support::{findings, labels, look, look_as};

/// A CSV of texts with these labels, again and again, each text once.
fn csv(name: &str, cells: &[&str]) -> String {
    let rows = (0..20).map(|row| {
        let cell = cells[row % cells.len()].replace('"', "\"\"");
        format!("a text with number {row},\"{cell}\"\n")
    });
    format!("text,{name}\n{}", rows.collect::<String>())
}

/// What is read, as rows to judge on: none is left out.
fn judged(text: &str) -> Looked {
    let looked = look_as(text, |choice| choice.judged = true);
    assert_eq!(looked.inspection.blocked, None, "{text}");
    looked
}

#[track_caller]
fn several(cells: &[&str], right: &[&str]) {
    let looked = judged(&csv("labels", cells));
    assert_eq!(looked.inspection.problem, Problem::MultiLabel, "{cells:?}");
    assert_eq!(labels(&looked)[..right.len()], *right, "{cells:?}");
}

#[test]
fn collections_of_python_are_lists() {
    let right = ["joy", "anger|fear", "fear"];
    for cells in [
        ["{'joy'}", "{'anger', 'fear'}", "{'fear'}"],
        [
            "frozenset({'joy'})",
            "frozenset({'anger', 'fear'})",
            "frozenset({'fear'})",
        ],
        ["('joy',)", "('anger', 'fear')", "('fear',)"],
        [
            "array(['joy'], dtype=object)",
            "array(['anger', 'fear'], dtype=object)",
            "array(['fear'], dtype='<U4')",
        ],
        ["['joy']", "['anger' 'fear']", "['fear']"],
        ["set(['joy'])", "set(['anger', 'fear'])", "set(['fear'])"],
    ] {
        several(&cells, &right);
    }
    several(
        &["set()", "{'anger', 'fear'}", "{'anger'}"],
        &["", "anger|fear"],
    );
}

#[test]
fn lists_without_quotes_and_lists_of_doccano_are_lists() {
    let right = ["joy", "anger|fear", "fear"];
    several(&["[joy]", "[anger, fear]", "[fear]"], &right);
    several(&["{joy}", "{anger,fear}", "{fear}"], &right);
    several(&["joy", "anger#fear", "fear", "anger"], &right);
    several(&["#joy", "#anger #fear", "#fear", "#anger"], &right);
    // a name in brackets is a name
    let names = judged(&csv("label", &["[OTHER]", "billing", "refund"]));
    assert_eq!(names.inspection.problem, Problem::SingleLabel);
    assert_eq!(labels(&names)[0], "[OTHER]");
}

#[test]
fn vectors_written_as_text_are_vectors() {
    for cells in [
        ["0 1 1", "1 0 0"],
        ["0,1,1", "1,0,0"],
        ["[0. 1. 1.]", "[1. 0. 0.]"],
        ["[False, True, True]", "[True, False, False]"],
        ["0;1;1", "1;0;0"],
    ] {
        several(&cells, &["label_1|label_2", "label_0"]);
    }
}

#[test]
fn numbers_of_classes_between_commas_are_lists() {
    several(
        &["0,4", "1", "4", "2,5", "5", "1,2", "2", "0"],
        &["0|4", "1"],
    );
    several(&["0,4,7", "1"], &["0|4|7", "1"]);
    // the name says it where the cells could be both
    several(&["0,4", "1,5", "2,6"], &["0|4", "1|5"]);
}

#[test]
fn numbers_with_a_decimal_comma_are_numbers() {
    for cells in [
        &["0,25", "1,5", "2,75", "3,1", "4,05"][..],
        &["1", "1,5", "2", "2,5", "3", "3,5", "4", "4,5", "5"],
        &["4,2", "3,7", "1,9", "2,2", "4,8"],
    ] {
        for name in ["score", "stars", "label"] {
            let looked = judged(&csv(name, cells));
            assert_eq!(looked.inspection.problem, Problem::Regression, "{cells:?}");
        }
    }
    // Excel in a German locale, between semicolons
    let rows = (0..20).map(|row| format!("Text Nummer {row};{},{}\r\n", row % 5, row));
    let looked = judged(&format!("Text;Bewertung\r\n{}", rows.collect::<String>()));
    assert_eq!(looked.inspection.problem, Problem::Regression);
}

#[test]
fn whole_numbers_are_one_class_however_they_are_written() {
    for cells in [
        ["0", "1,0", "0,0", "1"],
        ["0.000000e+00", "1.000000e+00", "0", "1"],
        ["0.", "1.00", "0.0", "1"],
    ] {
        let cells: Vec<&str> = cells
            .into_iter()
            .map(|cell| cell.trim_end_matches('.'))
            .collect();
        let looked = judged(&csv("label", &cells));
        assert_eq!(looked.inspection.problem, Problem::SingleLabel);
        assert_eq!(labels(&looked)[..4], ["0", "1", "0", "1"], "{cells:?}");
    }
}

#[test]
fn what_is_missing_is_no_class() {
    for missing in ["NaN", "nan", "<NA>", "#N/A"] {
        let looked = look(csv("label", &["pos", "neg", missing, "pos", "neg"]));
        assert_eq!(
            findings(&looked)[&FindingKind::LabelMissing],
            [4, 9, 14, 19],
            "{missing}"
        );
    }
    let looked = look("text,label\nnan,x\nb,x\nc,y\nd,y\n");
    assert_eq!(findings(&looked)[&FindingKind::TextMissing], [2]);
}

#[test]
fn tags_between_commas_are_tags() {
    let rows = "Mira moved to Turku,\"B-PER,O,O,B-LOC\"\nAda left Rome,\"B-PER,O,B-LOC\"\n";
    let looked = judged(&format!("sentence,word_labels\n{}", rows.repeat(3)));
    assert_eq!(looked.inspection.problem, Problem::TokenClassification);
    assert_eq!(labels(&looked)[0], "B-PER O O B-LOC");
}

#[test]
fn words_in_rows_are_no_sentences() {
    let words = "1,Mira,B-PER\n1,moved,O\n1,to,O\n1,Turku,B-LOC\n";
    let looked = look(format!("sentence_id,words,labels\n{}", words.repeat(5)));
    let blocked = looked.inspection.blocked.unwrap();
    assert!(
        blocked.starts_with("Each row is one word with its tag"),
        "{blocked}"
    );
}
