//! What is found in rows, and which of them can be trained on.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod labels;
mod tags;

#[path = "../support/mod.rs"]
mod support;

use graftlet_rows::{ClassCount, FindingKind, Problem, RowRef};
use support::{findings, labels, look, look_as, problem_of, table};

const MIXED: &str = "text,label\na,x\n,x\nb,\nc,y\nd,y\na,x\ne,lonely\nf,x\ng,x\nh,y\nh,x\n,ghost\n\"i,x\nj,x,y,z\n";

fn class(label: &str, rows: usize) -> ClassCount {
    ClassCount {
        label: label.to_owned(),
        rows,
    }
}

#[test]
fn rows_of_every_finding_are_named_and_left_out() {
    let looked = look(MIXED);
    let expected: Vec<(FindingKind, Vec<u32>)> = vec![
        (FindingKind::Misquoted, vec![14]),
        (FindingKind::TooWide, vec![15]),
        (FindingKind::TextMissing, vec![3, 13]),
        (FindingKind::LabelMissing, vec![4]),
        (FindingKind::Contradiction, vec![11, 12]),
        (FindingKind::Duplicate, vec![7]),
        (FindingKind::ClassOfOne, vec![8]),
        (FindingKind::ClassEmpty, vec![]),
        (FindingKind::ClassSmall, vec![]),
    ];
    assert_eq!(findings(&looked), expected.into_iter().collect());
    assert_eq!(looked.inspection.blocked, None);
    assert_eq!(looked.numbers, [2, 5, 6, 9, 10]);
    let first = RowRef {
        text: "a",
        text2: None,
        label: "x",
    };
    assert_eq!(looked.rows.get(0), Some(first));
    assert_eq!(looked.inspection.classes, [class("x", 3), class("y", 2)]);
}

#[test]
fn sentences_say_it() {
    let looked = look(MIXED);
    let sentences: Vec<&str> = looked
        .inspection
        .findings
        .iter()
        .map(|finding| finding.sentence.as_str())
        .collect();
    for sentence in [
        "Row 4 has no label: it is left out.",
        "Rows 11 and 12 have texts that other rows give other labels: they are left out.",
        "The classes “ghost” and “lonely” have no row left: they are not learned.",
        "“x” and “y” have fewer than 5 rows: more would help.",
    ] {
        assert!(
            sentences.contains(&sentence),
            "no {sentence:?} in {sentences:?}"
        );
    }
}

#[test]
fn the_preview_shows_rows_further_down_too() {
    let lines: String = (0..40)
        .map(|i| {
            format!(
                "text {i},{}\n",
                if i == 30 {
                    ""
                } else if i % 2 == 1 {
                    "x"
                } else {
                    "y"
                }
            )
        })
        .collect();
    let preview = look(format!("text,label\n{lines}")).inspection.preview;
    let numbers: Vec<u32> = preview.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 32]);
    assert_eq!(preview.last().unwrap().note.as_deref(), Some("no label"));
}

#[test]
fn pairs_need_both_texts() {
    let looked = look("text,text2,label\na,b,x\nc,,x\nd,e,y\nf,g,x\nh,i,y\na,other,x\n");
    assert_eq!(findings(&looked)[&FindingKind::Text2Missing], [3]);
    let first = RowRef {
        text: "a",
        text2: Some("b"),
        label: "x",
    };
    assert_eq!(looked.rows.get(0), Some(first));
    assert_eq!(looked.rows.len(), 5);
}

#[test]
fn bytes_that_are_no_characters_cost_their_row() {
    let looked = look("text,label\na\u{fffd},x\nb,\u{fffd}\nc,x\nd,x\ne,y\nf,y\n");
    assert_eq!(findings(&looked)[&FindingKind::Damaged], [2, 3]);
    let bytes = b"text,label\nd\xc3\xa9j\xc3\xa0,x\nna\xefve,y\nplain,x\nmore,y\nagain,y\n";
    assert_eq!(findings(&look(bytes))[&FindingKind::Damaged], [3]);
}

#[test]
fn labels_put_right_and_rows_taken_out() {
    let looked = look_as("text,label\na,x\nb,x\nc,y\nd,y\ne,x\n", |choice| {
        choice.corrections = [(6, Some("y".to_owned())), (2, None)].into();
    });
    assert_eq!(labels(&looked), ["y", "y", "y"]);
    let found = findings(&looked);
    assert_eq!(
        (
            &found[&FindingKind::ClassOfOne][..],
            &found[&FindingKind::TakenOut][..]
        ),
        (&[3][..], &[2][..])
    );
    assert_eq!(looked.inspection.preview.last().unwrap().label, "y");
}

#[test]
fn more_classes_than_are_learned_block_training() {
    let rows = |classes: usize| {
        let rows = (0..2 * classes).map(|row| format!("text {row},label {}\n", row / 2));
        format!("text,label\n{}", rows.collect::<String>())
    };
    assert_eq!(look(rows(10_000)).inspection.blocked, None);
    let blocked = look(rows(10_001)).inspection.blocked.unwrap();
    assert!(
        blocked.contains("10,001 different labels, and at most 10,000"),
        "{blocked}"
    );
}

#[test]
fn long_labels_are_not_compared() {
    let [long, short] = [1001, 1000].map(|length| "a".repeat(length));
    let rows = |label: &str| {
        let pair = format!("one,{label}\ntwo,{}\n", label.to_uppercase());
        format!(
            "text,label\n{pair}{}",
            pair.replace("one", "three").replace("two", "four")
        )
    };
    assert_eq!(look(rows(&short)).inspection.mergeable.len(), 1);
    assert_eq!(look(rows(&long)).inspection.mergeable.len(), 0);
}

#[test]
fn training_is_blocked_with_a_sentence() {
    for (text, words) in [
        ("text,label\n", "no rows"),
        ("text\nfirst text\nsecond text\n", "No column holds labels"),
        ("text,label\na,\nb,\n", "No row has a label"),
        ("text,label\na,x\nb,x\n", "Every row has the label “x”"),
        ("text,label\na,p\nb,q\nc,r\n", "check the chosen columns"),
    ] {
        let blocked = look(text).inspection.blocked.unwrap();
        assert!(blocked.contains(words), "{text}: {blocked}");
    }
    for (problem, text, words) in [
        (
            Problem::MultiLabel,
            "text,label\na,\nb,\n",
            "No row has a label",
        ),
        (
            Problem::Regression,
            "text,label\na,x\nb,y\n",
            "Fewer than two rows have a number",
        ),
        (
            Problem::TokenClassification,
            "text,label\na,x\nb,y\n",
            "one tag for each word",
        ),
        (
            Problem::TokenClassification,
            "text,label\na,O\nb,O\n",
            "nothing to learn",
        ),
    ] {
        let blocked = look_as(text, |choice| choice.problem = problem)
            .inspection
            .blocked
            .unwrap();
        assert!(blocked.contains(words), "{text}: {blocked}");
    }
}

#[test]
fn two_classes_beside_the_one_that_stands_for_none() {
    let text = "text,label\na,oos\nb,oos\nc,x\nd,x\n";
    assert_eq!(look(text).inspection.blocked, None);
    let blocked = look_as(text, |choice| choice.reject = Some("oos".into()))
        .inspection
        .blocked
        .unwrap();
    assert!(blocked.contains("Every row has the label “x”"), "{blocked}");
    // a single row of that label is none of a class
    let lonely = look_as("text,label\na,x\nb,x\nc,y\nd,y\ne,none\n", |choice| {
        choice.reject = Some("none".into())
    });
    assert_eq!(lonely.rows.len(), 5);
}

#[test]
fn rows_to_judge_on_stay() {
    let looked = look_as("text,label\na,x\na,x\nb,y\nb,x\nc,z\nd,\n", |choice| {
        choice.judged = true
    });
    assert_eq!(looked.rows.len(), 5);
    assert_eq!(
        findings(&looked).keys().copied().collect::<Vec<_>>(),
        [FindingKind::LabelMissing]
    );
}

#[test]
fn spaces_are_trimmed_before_rows_are_compared() {
    let looked = look("text,label\n a ,x\na,x \nb,y\nc, y\nd,x\n");
    assert_eq!(findings(&looked)[&FindingKind::Duplicate], [3]);
    assert_eq!(labels(&looked), ["x", "y", "y", "x"]);
}

// ---- guesses

#[test]
fn problems_are_guessed() {
    for (problem, labels) in [
        (Problem::SingleLabel, &["good", "bad"][..]),
        (Problem::SingleLabel, &["0", "1", "1"]),
        (Problem::SingleLabel, &["a|b", "c|d"]),
        (Problem::Regression, &["2.500", "3.600", "0.000"]),
        (Problem::MultiLabel, &["joy", "joy|love", "love"]),
        (Problem::SingleLabel, &["", ""]),
    ] {
        assert_eq!(problem_of(labels), problem, "{labels:?}");
    }
    let amounts: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    assert_eq!(
        problem_of(&amounts.iter().map(String::as_str).collect::<Vec<_>>()),
        Problem::Regression
    );
    // numbered classes that come again and again
    let classes: Vec<String> = (0..770).map(|i| (i % 77).to_string()).collect();
    assert_eq!(
        problem_of(&classes.iter().map(String::as_str).collect::<Vec<_>>()),
        Problem::SingleLabel
    );
    let read = table("text,label\na b,balance\nc d,oos\n");
    assert_eq!(
        read.propose(&read.source().guess).reject.as_deref(),
        Some("oos")
    );
    let read = table("text,label\na b,balance\nc d,books\n");
    assert_eq!(read.propose(&read.source().guess).reject, None);
}
