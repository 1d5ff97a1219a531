//! What is found in rows, and which of them can be trained on.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet_rows::{ClassCount, FindingKind, Mergeable, Problem, RowRef, Severity};
use support::{findings, labels, look, look_as, pairs, problem_of, table};

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

// ---- several labels

#[test]
fn several_labels_none_of_them_included() {
    let looked = look("text,label\na,joy|love\nb,joy\nc,\nd, love | joy|joy\ne,love\n");
    assert_eq!(looked.inspection.problem, Problem::MultiLabel);
    assert_eq!(labels(&looked), ["joy|love", "joy", "", "love|joy", "love"]);
    let first = &looked.inspection.findings[0];
    assert_eq!(
        (first.kind, first.severity),
        (FindingKind::NoLabels, Severity::Notice)
    );
    assert_eq!(
        looked.inspection.classes,
        [class("joy", 3), class("love", 3)]
    );
}

#[test]
fn lists_in_every_form() {
    let right = ["joy|love", "joy", "love", "joy|love", ""];
    let forms: [[&str; 5]; 8] = [
        ["joy|love", "joy", "love", "joy|love", ""],
        ["\"joy, love\"", "joy", "love", "\"joy,love\"", ""],
        ["\"joy; love\"", "joy", "love", "joy;love", ""],
        [
            "\"['joy', 'love']\"",
            "['joy']",
            "['love']",
            "\"['joy', 'love']\"",
            "[]",
        ],
        [
            "\"[\"\"joy\"\", \"\"love\"\"]\"",
            "\"[\"\"joy\"\"]\"",
            "\"[\"\"love\"\"]\"",
            "\"[\"\"joy\"\",\"\"love\"\"]\"",
            "[]",
        ],
        [
            "['joy' 'love']",
            "['joy']",
            "['love']",
            "['joy' 'love']",
            "[]",
        ],
        [
            "\"('joy', 'love')\"",
            "\"('joy',)\"",
            "\"('love',)\"",
            "\"('joy', 'love')\"",
            "()",
        ],
        [
            "\"{\"\"choices\"\": [\"\"joy\"\", \"\"love\"\"]}\"",
            "joy",
            "love",
            "\"{\"\"choices\"\": [\"\"joy\"\",\"\"love\"\"]}\"",
            "",
        ],
    ];
    for form in forms {
        let rows: String = form
            .iter()
            .enumerate()
            .map(|(i, label)| format!("text {i},{label}\n"))
            .collect();
        let looked = look_as(format!("text,label\n{rows}"), |choice| {
            choice.problem = Problem::MultiLabel
        });
        assert_eq!(labels(&looked), right, "{rows}");
    }
    let lines = "{\"text\":\"a\",\"labels\":[\"joy\",\"love\"]}\n{\"text\":\"b\",\"labels\":[]}\n{\"text\":\"c\",\"labels\":[\"joy\"]}\n";
    let looked = look(lines);
    assert_eq!(looked.inspection.problem, Problem::MultiLabel);
    assert_eq!(labels(&looked), ["joy|love", "", "joy"]);
    // lists of one label each are one label
    let one = look(
        "{\"text\":\"a\",\"label\":[\"x\"]}\n{\"text\":\"b\",\"label\":[\"y\"]}\n{\"text\":\"c\",\"label\":[\"x\"]}\n{\"text\":\"d\",\"label\":[\"y\"]}\n",
    );
    assert_eq!(
        (one.inspection.problem, labels(&one)),
        (
            Problem::SingleLabel,
            ["x", "y", "x", "y"].map(String::from).to_vec()
        )
    );
}

#[test]
fn vectors_and_columns_of_zeros_and_ones() {
    let vectors = look("text,label\na,\"[1, 0, 1]\"\nb,\"[0, 0, 0]\"\nc,[0 1 0]\n");
    assert_eq!(labels(&vectors), ["label_0|label_2", "", "label_1"]);
    assert!(findings(&vectors).contains_key(&FindingKind::VectorNames));
    // numbers of classes are no vectors
    let numbers = look(
        "{\"text\":\"a\",\"label\":[0, 4]}\n{\"text\":\"b\",\"label\":[1]}\n{\"text\":\"c\",\"label\":[0, 1, 4]}\n",
    );
    assert_eq!(labels(&numbers), ["0|4", "1", "0|1|4"]);

    let csv = "id,comment_text,toxic,insult\n1,some words,0,1\n2,other words,0,0\n3,more words,1,1\n4,last words,1,0\n";
    let looked = look(csv);
    assert_eq!(labels(&looked), ["insult", "", "toxic|insult", "toxic"]);
    let one_hot = look("text,good,bad\na,1.0,0.0\nb,0.0,1.0\nc,1.0,0.0\nd,0.0,1.0\n");
    assert_eq!(
        (one_hot.inspection.problem, labels(&one_hot)),
        (
            Problem::SingleLabel,
            ["good", "bad", "good", "bad"].map(String::from).to_vec()
        )
    );
    let several = look_as(csv, |choice| choice.problem = Problem::SingleLabel);
    assert_eq!(findings(&several)[&FindingKind::SeveralLabels], [3, 4]);
}

#[test]
fn a_comma_in_a_name_is_no_list() {
    for names in [
        [
            "Paris, France",
            "Lyon, France",
            "Paris, France",
            "Bonn, Germany",
            "Bonn, Germany",
            "Lyon, France",
        ],
        ["a|b", "c|d", "e|f", "g|h", "i|j", "k|l"],
        ["x; y", "x; z", "x; y", "x; z", "x; y", "x; z"],
    ] {
        assert_eq!(problem_of(&names), Problem::SingleLabel, "{names:?}");
    }
}

#[test]
fn a_bar_in_a_label_is_never_split() {
    let looked = look(
        "{\"text\":\"a\",\"labels\":[\"x|y\",\"z\"]}\n{\"text\":\"b\",\"labels\":[\"z\",\"w\"]}\n{\"text\":\"c\",\"labels\":[\"w\"]}\n",
    );
    assert_eq!(findings(&looked)[&FindingKind::LabelHasBar], [1]);
    assert_eq!(labels(&looked), ["z|w", "w"]);
    // as one label a text it is a name like others
    let single = look_as("text,label\na,x|y\nb,x|y\nc,z\nd,z\n", |choice| {
        choice.problem = Problem::SingleLabel
    });
    assert_eq!(labels(&single), ["x|y", "x|y", "z", "z"]);
}

// ---- numbers

#[test]
fn numbers_with_a_point_or_a_comma() {
    let rows: String = (0..30)
        .map(|i| format!("t{i},u,{}\n", f64::from(i) / 7.0))
        .collect();
    let looked = look(format!(
        "text,text2,label\n{rows}last,u,\"2,5\"\nbad,u,much\n"
    ));
    assert_eq!(looked.inspection.problem, Problem::Regression);
    assert_eq!(findings(&looked)[&FindingKind::NotANumber], [33]);
    assert!(looked.inspection.range.unwrap().least.abs() < 1e-12);
    assert_eq!(labels(&looked).last().unwrap(), "2.5");
    let odd = look_as("text,label\na,NaN\nb,inf\nc,1e3\nd,-.5\n", |choice| {
        choice.problem = Problem::Regression
    });
    assert_eq!(labels(&odd), ["1000", "-0.5"]);
}

#[test]
fn whole_numbers_are_one_class_however_written() {
    let looked = look("text,label\na,1\nb,1.0\nc,2\nd,2.00\ne,-1\nf,-1.0\n");
    assert_eq!(labels(&looked), ["1", "1", "2", "2", "-1", "-1"]);
    // versions are names
    let versions = look("text,label\na,1.0\nb,1.0\nc,1.1\nd,1.1\ne,v2\nf,v2\n");
    assert_eq!(labels(&versions), ["1.0", "1.0", "1.1", "1.1", "v2", "v2"]);
    let codes = look("text,label\na,007\nb,007\nc,07\nd,07\n");
    assert_eq!(labels(&codes), ["007", "007", "07", "07"]);
}

// ---- tags

#[test]
fn tags_one_a_word() {
    let looked = look("in\tO\nRome\tB-place\n\nof\tO\nNew\tI-place\nYork\tI-place\n\n");
    assert_eq!(looked.inspection.problem, Problem::TokenClassification);
    assert_eq!(labels(&looked), ["O B-place", "O B-place I-place"]);
    assert_eq!(looked.inspection.classes, [class("place", 2)]);
    let csv = "text,tags\n\"in Rome\",O B-place\n\"in Bonn\",O\n\"at Ulm\",O B-place\n";
    let looked = look_as(csv, |choice| choice.problem = Problem::TokenClassification);
    assert_eq!(findings(&looked)[&FindingKind::TagsUnlikeWords], [3]);
}

#[test]
fn tokens_with_spaces_in_them_become_words() {
    let text = "{\"tokens\":[\"New York\",\"\",\"is\"],\"ner_tags\":[\"B-place\",\"O\",\"O\"]}\n{\"tokens\":[\"No\"],\"ner_tags\":[\"O\"]}\n";
    let looked = look(text);
    assert_eq!(
        pairs(&looked)[0],
        ("New York is".into(), "B-place I-place O".into())
    );
    // as pandas writes lists into a CSV cell
    let csv = "tokens,tags\n\"['in', 'Rome']\",\"['O', 'B-place']\"\n\"['at', 'Ulm']\",\"['O', 'B-place']\"\n";
    let looked = look(csv);
    assert_eq!(looked.inspection.problem, Problem::TokenClassification);
    assert_eq!(pairs(&looked)[1], ("at Ulm".into(), "O B-place".into()));
}

#[test]
fn numbers_for_tags_are_named() {
    let rows: String = (0..4)
        .map(|i| format!("{{\"tokens\":[\"in\",\"R{i}\"],\"ner_tags\":[0,3]}}\n"))
        .collect();
    let looked = look(rows);
    let blocked = looked.inspection.blocked.unwrap();
    assert!(
        blocked.contains("“ner_tags” holds numbers in place of tags"),
        "{blocked}"
    );
}

#[test]
fn spans_of_annotation_programs() {
    let right = vec![
        (
            "Mira moved to Turku".to_owned(),
            "B-PER O O B-LOC".to_owned(),
        ),
        ("No one here".to_owned(), "O O O".to_owned()),
    ];
    for text in [
        "{\"text\":\"Mira moved to Turku\",\"label\":[[0,4,\"PER\"],[14,19,\"LOC\"]]}\n{\"text\":\"No one here\",\"label\":[]}\n",
        "{\"id\":1,\"text\":\"Mira moved to Turku\",\"entities\":[{\"id\":1,\"label\":\"PER\",\"start_offset\":0,\"end_offset\":4},{\"id\":2,\"label\":\"LOC\",\"start_offset\":14,\"end_offset\":19}],\"relations\":[]}\n{\"id\":2,\"text\":\"No one here\",\"entities\":[],\"relations\":[]}\n",
        "[{\"text\":\"Mira moved to Turku\",\"label\":[{\"start\":0,\"end\":4,\"text\":\"Mira\",\"labels\":[\"PER\"]},{\"start\":14,\"end\":19,\"text\":\"Turku\",\"labels\":[\"LOC\"]}]},{\"text\":\"No one here\",\"label\":[]}]",
        "[{\"id\":1,\"annotations\":[{\"id\":2,\"was_cancelled\":true,\"result\":[]},{\"id\":3,\"was_cancelled\":false,\"result\":[{\"value\":{\"start\":0,\"end\":4,\"text\":\"Mira\",\"labels\":[\"PER\"]},\"from_name\":\"label\",\"type\":\"labels\"},{\"value\":{\"start\":14,\"end\":19,\"labels\":[\"LOC\"]},\"type\":\"labels\"}]}],\"data\":{\"text\":\"Mira moved to Turku\"}},{\"id\":4,\"annotations\":[{\"result\":[]}],\"data\":{\"text\":\"No one here\"}}]",
    ] {
        let looked = look(text);
        assert_eq!(
            looked.inspection.problem,
            Problem::TokenClassification,
            "{text}"
        );
        assert_eq!(pairs(&looked), right, "{text}");
    }
    let choices = "[{\"id\":1,\"annotations\":[{\"result\":[{\"value\":{\"choices\":[\"good\"]},\"type\":\"choices\"}]}],\"data\":{\"text\":\"a b\"}},\
        {\"id\":2,\"annotations\":[{\"result\":[{\"value\":{\"choices\":[\"bad\"]},\"type\":\"choices\"}]}],\"data\":{\"text\":\"c d\"}}]";
    let looked = look_as(choices, |choice| choice.judged = true);
    assert_eq!(
        (looked.inspection.problem, labels(&looked)),
        (
            Problem::SingleLabel,
            vec!["good".to_owned(), "bad".to_owned()]
        )
    );
}

#[test]
fn spans_that_do_not_fit_are_named() {
    let text = "{\"text\":\"Mira moved\",\"label\":[[0,4,\"PER\"]]}\n{\"text\":\"Mira\",\"label\":[[0,5,\"PER\"]]}\n\
        {\"text\":\"Turkuland x\",\"label\":[[0,5,\"LOC\"]]}\n{\"text\":\"New Turku\",\"label\":[[0,9,\"LOC\"],[4,9,\"PER\"]]}\n";
    let looked = look(text);
    let found = findings(&looked);
    assert_eq!(found[&FindingKind::SpanOutside], [2]);
    assert_eq!(found[&FindingKind::WordSplit], [3]);
    assert_eq!(found[&FindingKind::SpansOverlap], [4]);
    assert_eq!(
        pairs(&looked)[1],
        ("Turku land x".into(), "B-LOC O O".into())
    );
}

// ---- labels that are alike

#[test]
fn labels_that_differ_in_case_or_spaces_can_be_merged() {
    let text = "text,label\na,Billing\nb,billing\nc,Billing\nd, bil ling\ne,other\nf,other\ng,billing\nh,Billing\n";
    let looked = look(text);
    let group = Mergeable {
        label: "Billing".into(),
        variants: vec!["Billing".into(), "billing".into(), "bil ling".into()],
        rows: 6,
    };
    assert_eq!(looked.inspection.mergeable, std::slice::from_ref(&group));
    let alike = looked
        .inspection
        .findings
        .iter()
        .find(|finding| finding.kind == FindingKind::LabelsAlike)
        .unwrap();
    assert!(
        alike.sentence.contains("differ only in case or spaces"),
        "{}",
        alike.sentence
    );
    let merged = look_as(text, |choice| choice.merge = true);
    assert_eq!(
        merged.inspection.classes,
        [class("Billing", 6), class("other", 2)]
    );
    assert_eq!(merged.inspection.mergeable, [group]);
    // the same text under two forms of a label is a repetition, not a contradiction
    let twice = look_as("text,label\na,X\na,x\nb,X\nc,y\nd,y\n", |choice| {
        choice.merge = true
    });
    assert_eq!(findings(&twice)[&FindingKind::Duplicate], [3]);
    let several = look_as(
        "text,label\na,Joy|love\nb,joy|Love\nc,joy\nd,love\n",
        |choice| {
            (choice.merge, choice.problem) = (true, Problem::MultiLabel);
        },
    );
    assert_eq!(labels(&several), ["joy|love", "joy|love", "joy", "love"]);
    let tags = look_as(
        "a\tB-Per\nb\tI-Per\n\nc\tB-PER\nd\tO\n\ne\tB-PER\n\n",
        |choice| choice.merge = true,
    );
    assert_eq!(labels(&tags), ["B-PER I-PER", "B-PER O", "B-PER"]);
}

#[test]
fn labels_that_look_the_same_can_be_merged() {
    // é as one character, and as two; Å too has two forms
    let text = "text,label\na,caf\u{e9}\nb,cafe\u{301}\nc,caf\u{e9}\nd,A\u{30a}\ne,\u{212b}\nf,\u{c5}\ng,CAFE\u{301}\n";
    let looked = look(text);
    let labels: Vec<&str> = looked
        .inspection
        .mergeable
        .iter()
        .map(|group| group.label.as_str())
        .collect();
    assert_eq!(labels, ["caf\u{e9}", "A\u{30a}"]);
    let said = &looked.inspection.findings;
    let sentences: Vec<&str> = said
        .iter()
        .map(|finding| finding.sentence.as_str())
        .collect();
    assert!(
        sentences
            .iter()
            .any(|sentence| sentence.contains("how accents are written")),
        "{sentences:?}"
    );
    let merged = look_as(text, |choice| choice.merge = true);
    assert_eq!(merged.inspection.classes.len(), 2);
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
