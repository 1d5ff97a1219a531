//! Labels as rows have them.

use graftlet::head::{MULTI_LABEL, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::train::Row;

use super::calibration::read;
use super::engine;
use super::labelled::{self, PROBLEMS, dataset, row};

#[test]
fn labels_of_another_problem_are_named() {
    let engine = engine();
    let check = |problem, labels: &[&str], words: &[&str]| {
        let rows: Vec<Row> = labels
            .iter()
            .map(|label| row("the cat runs", label))
            .collect();
        let error = read(&engine, problem, &rows).unwrap_err();
        let sentence = error.to_string();
        for word in words {
            assert!(sentence.contains(word), "{sentence}: no {word}");
        }
    };
    let single = SINGLE_LABEL;
    check(
        single,
        &["1.5", "2", "3.25"],
        &["problem", "regression", "mine.csv"],
    );
    check(single, &["a|b", "b", "a"], &["multi_label"]);
    check(
        single,
        &["O O B-x", "O O O", "O O O"],
        &["token_classification"],
    );
    check(single, &["this", "that", "that"], &["\"this\"", "1 row"]);
    check(
        REGRESSION,
        &["1", "good"],
        &["row 2", "\"good\"", "no number"],
    );
    check(REGRESSION, &["1", "inf"], &["row 2", "no number"]);
    let tokens = TOKEN_CLASSIFICATION;
    check(tokens, &["O O O", "O O"], &["row 2", "3 words", "2 tags"]);
    check(MULTI_LABEL, &["", ""], &["2 row(s) have no label"]);
}

#[test]
fn a_text_may_have_no_labels_or_one_twice() {
    let engine = engine();
    let rows = [
        row("the cat", "a| b |a"),
        row("a dog", ""),
        row("one bird", "b|"),
    ];
    let data = read(&engine, MULTI_LABEL, &rows).unwrap();
    assert_eq!(data.labels(), ["a", "b"]);
    let targets: Vec<&[u32]> = (0..3).map(|row| data.target(row)).collect();
    // a bit a label: both, none, the second
    assert_eq!(targets, [[0b11], [0b00], [0b10]]);
}

#[test]
fn the_first_tokens_of_words_have_their_tags() {
    let engine = engine();
    // the tokenizer parts what the rows do not: "red." is two words to it, "cat-dog" three
    let rows = [
        row("the red. cat-dog runs", "O B-x B-y O"),
        row("red cat", "I-x I-x"),
    ];
    let data = read(&engine, TOKEN_CLASSIFICATION, &rows).unwrap();
    // "I-y" does not occur, and may occur elsewhere
    assert_eq!(data.labels(), ["B-x", "B-y", "I-x", "I-y", "O"]);
    let tagged: Vec<(u32, u32, bool)> = data
        .tagged(0)
        .map(|t| (t.token, t.label, t.begins))
        .collect();
    // [CLS] the red . cat - dog runs
    assert_eq!(
        tagged,
        [
            (1, 4, true),
            (2, 0, true),
            (3, 2, false),
            (4, 1, true),
            (5, 3, false),
            (6, 3, false),
            (7, 4, true)
        ]
    );
    assert_eq!(data.vectors_of(&[0, 1]), 6);
    // what no token stands for has no tag
    let cut = "cat ".repeat(40);
    let rows = [row(cut.trim_end(), &"O ".repeat(40)), row("a", "B-x")];
    let data = read(&engine, TOKEN_CLASSIFICATION, &rows).unwrap();
    assert_eq!((data.tagged(0).len(), data.truncated()), (30, 1));
}

#[test]
fn splits_spread_what_is_rare() {
    let engine = engine();
    for problem in PROBLEMS {
        let data = dataset(&engine, problem, &labelled::rows(problem, 60, 1));
        let (kept, held) = data.clone().split(0.2, 3);
        assert_eq!(kept.len() + held.len(), 60, "{problem:?}");
        assert!(
            (8..=16).contains(&held.len()),
            "{problem:?}: {}",
            held.len()
        );
        let mut numbers: Vec<usize> = (0..kept.len()).map(|row| kept.number(row)).collect();
        numbers.extend((0..held.len()).map(|row| held.number(row)));
        numbers.sort_unstable();
        assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{problem:?}");
        assert!(data.sequences(held.number(0)).eq(held.sequences(0)));
        assert_eq!(data.target(held.number(0)), held.target(0));
        let folds = data.folds(5, 1);
        assert!(folds.iter().all(|fold| fold.len() == 12), "{problem:?}");
        let mut all: Vec<usize> = folds.concat();
        all.sort_unstable();
        assert_eq!(all, (0..60).collect::<Vec<_>>());
    }
}
