//! Labels in every form.

use graftlet_rows::{FindingKind, Mergeable, Problem, Severity};

use super::class;
use super::support::{findings, labels, look, look_as, problem_of};

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

// ---- what is too long

#[test]
fn a_cell_of_more_than_a_megabyte_is_no_label() {
    let long = "l".repeat((1 << 20) + 1);
    let escapes = "\\u006c".repeat((1 << 20) + 1);
    let rows = [
        format!("text,label\na film,{long}\na,yes\nb,no\nc,yes\nd,no\n"),
        format!(
            "{{\"text\":\"a film\",\"label\":\"{escapes}\"}}\n{}",
            [("a", "yes"), ("b", "no"), ("c", "yes"), ("d", "no")]
                .map(|(text, label)| format!("{{\"text\":\"{text}\",\"label\":\"{label}\"}}\n"))
                .concat()
        ),
    ];
    for rows in rows {
        let looked = look(&rows);
        assert!(labels(&looked) == ["yes", "no", "yes", "no"]);
        let kinds: Vec<_> = looked.inspection.findings.iter().map(|f| f.kind).collect();
        assert!(kinds.contains(&FindingKind::LabelObject), "{kinds:?}");
    }
}
