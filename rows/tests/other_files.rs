//! Files of other programs, and what stands in files beside rows.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet_rows::{FindingKind, Looked, Options, Problem, open};
use support::{findings, labels, look_as, pairs, table};

fn judged(text: &str) -> Looked {
    look_as(text, |choice| choice.judged = true)
}

/// Lines, one for each number.
fn lines(line: impl Fn(usize) -> String) -> String {
    (0..20).map(|index| line(index) + "\n").collect()
}

#[test]
fn files_of_fast_text_have_labels() {
    for text in [
        lines(|i| {
            format!(
                "__label__{} a \"text\" with, commas; {i}",
                ["pos", "neg"][i % 2]
            )
        }),
        lines(|i| {
            format!(
                "__label__{}\ta \"text\" with, commas; {i}",
                ["pos", "neg"][i % 2]
            )
        }),
        lines(|i| {
            format!(
                "__label__{} , a \"text\" with, commas; {i}",
                ["pos", "neg"][i % 2]
            )
        }),
        lines(|i| {
            format!(
                "a \"text\" with, commas; {i} __label__{}",
                ["pos", "neg"][i % 2]
            )
        }),
    ] {
        let looked = judged(&text);
        assert_eq!(looked.inspection.problem, Problem::SingleLabel);
        let right = ("a \"text\" with, commas; 1".to_owned(), "neg".to_owned());
        assert_eq!(
            (looked.rows.len(), &pairs(&looked)[1]),
            (20, &right),
            "{text}"
        );
    }
    let several = judged(&lines(|i| {
        let more = if i % 3 == 0 { "__label__spam " } else { "" };
        format!("__label__{} {more}a text {i}", i % 2)
    }));
    assert_eq!(several.inspection.problem, Problem::MultiLabel);
    assert_eq!(labels(&several)[..2], ["0|spam", "1"]);
    // cells of a table are labels as well
    let csv = judged(&format!(
        "label,text\n{}",
        lines(|i| format!("__label__{},\"a, {i}\"", i % 2))
    ));
    assert_eq!(pairs(&csv)[0], ("a, 0".to_owned(), "0".to_owned()));
    // a row keeps its number
    let gap = judged("__label__a b c\n\n__label__d\n__label__a e\n__label__d f\n__label__d g\n");
    assert_eq!(findings(&gap)[&FindingKind::TextMissing], [3]);
}

#[test]
fn lines_above_the_header_are_passed_over() {
    let rows = lines(|i| format!("some words {i},{}", i % 2));
    for above in [
        "Export of survey 12\n\n",
        "# made by a tool\n",
        "Survey\n2024\n,\n",
    ] {
        let found = table(format!("{above}text,label\n{rows}"));
        assert_eq!(found.source().columns, ["text", "label"], "{above}");
        assert_eq!(
            (found.len(), found.source().notes.len()),
            (20, 1),
            "{above}"
        );
    }
    // the numbers are still those of the file
    let cut = table(format!("Survey\n\ntext,label\na,b,c\n{rows}"));
    assert_eq!(cut.source().rows, 21);
    let looked = judged(&format!("Survey\n\ntext,label\na,b,c\n{rows}"));
    assert_eq!(findings(&looked)[&FindingKind::TooWide], [4]);
    // a first row without a label is a row
    let none = table(format!("a text without a label\n{rows}"));
    assert_eq!((none.len(), none.source().header), (21, false));
}

#[test]
fn a_table_of_r_has_no_name_above_its_row_names() {
    let rows = lines(|i| {
        format!(
            "\"{i}\"\t\"some words, {i}\"\t\"{}\"",
            ["pos", "neg"][i % 2]
        )
    });
    let found = table(format!("\"text\"\t\"label\"\n{rows}"));
    assert_eq!(found.source().columns, ["Column 1", "text", "label"]);
    let looked = judged(&format!("\"text\"\t\"label\"\n{rows}"));
    assert_eq!(
        pairs(&looked)[0],
        ("some words, 0".to_owned(), "pos".to_owned())
    );
    // an empty cell at the end of each row is another thing
    let rows = lines(|i| format!("some words {i};{};", ["pos", "neg"][i % 2]));
    let looked = judged(&format!("text;label\n{rows}"));
    assert_eq!(
        pairs(&looked)[0],
        ("some words 0".to_owned(), "pos".to_owned())
    );
}

#[test]
fn tables_in_markdown_are_tables() {
    for rule in ["| --- | --- |", "|:--|--:|", "|:---:|:---:|"] {
        let rows = lines(|i| format!("| some words, {i} | {} |", ["pos", "neg"][i % 2]));
        let looked = judged(&format!("| text | label |\n{rule}\n{rows}"));
        assert_eq!(looked.rows.len(), 20, "{rule}");
        assert_eq!(
            pairs(&looked)[0],
            ("some words, 0".to_owned(), "pos".to_owned())
        );
    }
}

#[test]
fn a_zero_byte_costs_its_row() {
    let rows = lines(|i| format!("some words {i},{}", i % 2)).replace("words 7", "wo\0rds 7");
    let looked = judged(&format!("text,label\n{rows}"));
    assert_eq!(findings(&looked)[&FindingKind::Damaged], [9]);
    assert_eq!(looked.rows.len(), 19);
}

#[test]
fn what_is_not_read_is_said() {
    let part = "[{\"text\": \"a\", \"label\": \"x\"}, {\"text\": \"b\", \"label\": \"y\"}]";
    let splits = table(format!("{{\"train\": {part}, \"test\": {part}}}"));
    assert_eq!(splits.len(), 2);
    assert_eq!(
        splits.source().notes,
        ["The rows under “train” are read; those under “test” are not."]
    );
    let twice = table("text,label,label\na,x,1\nb,y,2\nc,x,1\n");
    assert!(twice.source().notes[0].starts_with("2 columns are called “label”: column 2 is read."));
    let prodigy = table(lines(|i| {
        let answer = if i % 5 == 0 { "reject" } else { "accept" };
        format!(
            "{{\"text\": \"Mira {i}\", \"spans\": [{{\"start\": 0, \"end\": 4, \"label\": \"PER\"}}], \"answer\": \"{answer}\"}}"
        )
    }));
    assert!(prodigy.source().notes[0].contains("in 4 rows"));
}

#[test]
fn other_files_are_named() {
    let mut tar = vec![b'a'; 300];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, word) in [
        (&b"FEA1\0\0"[..], "Feather"),
        (b"Obj\x01\x04\x16avro.codec", "Avro"),
        (b"(dp0\nS'text'\np1\n", "pickle"),
        (b"cpandas.core.frame\nDataFrame\n", "pickle"),
        (b"RIFF$\x08\0\0WEBPVP8 ", "image"),
        (b"RIFF$\x08\0\0WAVEfmt ", "sound"),
        (b"ID3\x04\0\0", "sound"),
        (&tar, "tar archive"),
        (b"<table border=1><tr><td>text</td></tr></table>", "HTML"),
        (b"<!-- saved -->\n<html><body>x</body></html>", "HTML"),
        (b"<meta charset=utf-8><p>x</p>", "HTML"),
        (b"<rows><row>a</row>\n<row>b</row></rows>\n", "XML"),
    ] {
        let refusal = open(bytes.to_vec(), &Options::default()).unwrap_err();
        assert_eq!(refusal.code, "not_rows");
        assert!(refusal.message.contains(word), "{refusal}");
    }
    // markup in texts is text
    for text in [
        "<p>one</p>\n<p>two</p>\n",
        "<b>bold</b> text,x\nplain,y\n",
        "ORCA,x\nID3 is a tag,y\n",
    ] {
        assert!(
            open(text.as_bytes().to_vec(), &Options::default()).is_ok(),
            "{text}"
        );
    }
}

/// Sentences of words with these cells, in this order.
fn conll(above: &str, line: impl Fn(usize, &str, &str) -> String) -> String {
    let sentence = [
        ("Mira", "B-PER"),
        ("left", "O"),
        ("New", "B-LOC"),
        ("York", "I-LOC"),
    ];
    let words = sentence.iter().enumerate();
    let lines: String = words
        .map(|(index, (word, tag))| line(index + 1, word, tag) + "\n")
        .collect();
    format!("{above}{lines}\n").repeat(10)
}

#[test]
fn the_tag_is_where_the_tags_are() {
    for text in [
        // GermEval: outer spans, then inner ones, and a comment with a tab
        conll(
            "#\thttp://example.org/wiki [2009-10-17]\n",
            |i, word, tag| {
                format!(
                    "{i}\t{word}\t{tag}\t{}",
                    if i == 4 { "B-LOCderiv" } else { "O" }
                )
            },
        ),
        conll(
            "#\thttp://example.org/wiki [2009-10-17]\n",
            |i, word, tag| format!("{i}\t{word}\t{tag}\tO"),
        ),
        // Universal NER: the annotator behind the tag
        conll(
            "# sent_id = 1\n# text = Mira left New York\n",
            |i, word, tag| format!("{i}\t{word}\t{tag}\t-\tanna"),
        ),
        // the MIT corpora: the tag first
        conll("", |_, word, tag| format!("{tag}\t{word}")),
        // CoNLL-2003: tags of chunks before those of names
        conll("", |_, word, tag| format!("{word} NN I-NP {tag}")),
    ] {
        let looked = judged(&text);
        assert_eq!(
            looked.inspection.problem,
            Problem::TokenClassification,
            "{text}"
        );
        let right = (
            "Mira left New York".to_owned(),
            "B-PER O B-LOC I-LOC".to_owned(),
        );
        assert_eq!(
            (looked.rows.len(), &pairs(&looked)[0]),
            (10, &right),
            "{text}"
        );
    }
    // chosen by its number
    let text = conll("", |i, word, tag| {
        format!("{i}\t{word}\t{tag}\t{}", if i == 1 { "B-X" } else { "O" })
    });
    let options = Options {
        label_column: Some("4".into()),
        ..Options::default()
    };
    let inner = open(text.into_bytes(), &options).unwrap();
    let columns = inner.source().guess.clone();
    let choice = graftlet_rows::Choice {
        columns,
        problem: Problem::TokenClassification,
        judged: true,
        ..graftlet_rows::Choice::default()
    };
    assert_eq!(labels(&inner.inspect(&choice))[0], "B-X O O O");
}
