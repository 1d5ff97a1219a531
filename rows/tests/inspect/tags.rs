//! Tags and spans.

use graftlet_rows::{FindingKind, Problem};

use super::class;
use super::support::{findings, labels, look, look_as, pairs};

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
