//! CoNLL.

use graftlet_rows::{FindingKind, Format, Options, open};

use super::faults;
use super::support::{cells, labels, look, table};

// ---- CoNLL

#[test]
fn conll_has_a_sentence_a_row() {
    let text = "-DOCSTART- O\n\nIn IN O\nRome NNP B-place\n\nYes\tO\n\t\nNo\tO\n";
    let read = table(text);
    assert_eq!(read.source().format, Format::Conll);
    assert_eq!(
        cells(&read),
        [["In Rome", "O B-place"], ["Yes", "O"], ["No", "O"]]
    );
    assert_eq!(look(text).numbers, [3, 6, 8]);
}

#[test]
fn conll_names_the_sentence_with_a_word_without_a_tag() {
    let good = "Rome\tB-place\nis\tO\nold\tO\n\n".repeat(5);
    let text = format!("{good}In\nParis\tB-place\n\n{good}");
    assert_eq!(faults(&text), [(FindingKind::NotTagged, vec![21])]);
    assert_eq!(table(&text).len(), 10);
}

#[test]
fn conll_comments_are_passed_over_and_a_hash_may_be_a_word() {
    let text = "# sent_id = 1\n# text = Rome is # one\nRome B-place\nis O\n# O\none O\n\n# sent_id = 2\nNo O\n";
    assert_eq!(
        cells(&table(text)),
        [["Rome is # one", "B-place O O O"], ["No", "O"]]
    );
    let tabs = "#\tO\nRome\tB-place\n# a comment\nis\tO\n";
    assert_eq!(cells(&table(tabs)), [["# Rome is", "O B-place O"]]);
}

#[test]
fn conll_with_an_index_and_many_columns() {
    let text = "# http://source\n1\tRome\tB-place\tO\n2\tis\tO\tO\n\n1\tIn\tO\tO\n2\tBonn\tB-place\tB-part\n";
    let read = table(text);
    // GermEval: the outer tags, unless the others are asked for
    let outer = [["Rome is", "B-place O"], ["In Bonn", "O B-place"]];
    assert_eq!(cells(&read), outer);
    assert!(read.source().notes[0].starts_with("The tags are those of column 3"));
    let options = Options {
        label_column: Some("4".into()),
        ..Options::default()
    };
    let read = open(text.into(), &options).unwrap();
    assert_eq!(cells(&read), [["Rome is", "O O"], ["In Bonn", "O B-part"]]);
    let ten = "1 Rome a b c d e f g B-place\n2 is a b c d e f g O\n\n";
    assert_eq!(cells(&table(ten)), [["Rome is", "B-place O"]]);
    let universal = "1\tRome\tRome\tPROPN\t_\t_\t2\tnsubj\t_\t_\n2\tsleeps\tsleep\tVERB\t_\t_\t0\troot\t_\t_\n\n";
    let refusal = open(universal.into(), &Options::default()).unwrap_err();
    assert!(refusal.message.contains("CoNLL-U"), "{refusal}");
    let contracted = "1-2\tzum\tO\n1\tzu\tO\n2\tdem\tO\n3\tRhein\tB-river\n\n";
    assert_eq!(cells(&table(contracted)), [["zu dem Rhein", "O O B-river"]]);
}

#[test]
fn other_tags_are_read_where_the_name_says_so() {
    let text = "Rome\tPROPN\nsleeps\tVERB\n\nYes\tINTJ\n\n";
    let options = Options {
        name: Some("tags.conll".into()),
        ..Options::default()
    };
    let read = open(text.into(), &options).unwrap();
    assert_eq!(read.source().format, Format::Conll);
    assert_eq!(
        cells(&read),
        [["Rome sleeps", "PROPN VERB"], ["Yes", "INTJ"]]
    );
}

#[test]
fn every_scheme_ends_as_bio() {
    for (tags, right) in [
        (["B-a", "I-a", "O", "B-b"], "B-a I-a O B-b"),
        (["I-a", "I-a", "O", "I-b"], "B-a I-a O B-b"),
        (["B-a", "E-a", "O", "S-b"], "B-a I-a O B-b"),
        (["B-a", "L-a", "O", "U-b"], "B-a I-a O B-b"),
        (["B-a", "E-a", "O", "W-b"], "B-a I-a O B-b"),
    ] {
        let lines: String = ["One", "two", "and", "three"]
            .iter()
            .zip(tags)
            .map(|(word, tag)| format!("{word} {tag}\n"))
            .collect();
        let looked = look(format!("{lines}\n{}", lines.replace("One", "Other")));
        assert_eq!(labels(&looked), [right, right]);
    }
}
