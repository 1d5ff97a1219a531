use std::path::PathBuf;

use super::*;
use crate::text::Text;
use crate::train::Reading;

fn found(name: &str, content: &[u8]) -> Found {
    parse(&PathBuf::from(name), content).unwrap()
}

fn pairs(found: &Found) -> Vec<(&str, Option<&str>)> {
    found
        .rows
        .iter()
        .map(|r| (r.text.first.as_str(), r.label.as_deref()))
        .collect()
}

fn reasons(found: &Found) -> Vec<(usize, &str)> {
    found
        .skipped
        .iter()
        .map(|s| (s.line, s.reason.as_str()))
        .collect()
}

#[test]
fn one_content_in_every_format() {
    let files: [(&str, &[u8]); 3] = [
        (
            "a.csv",
            b"\xef\xbb\xbflabel,text\r\nyes,\"a, \"\"b\"\"\"\r\nno,c\r\n",
        ),
        ("a.tsv", b"text\tlabel\n\"a, \"\"b\"\"\"\tyes\nc\tno\n"),
        (
            "a.jsonl",
            b"{\"text\":\"a, \\\"b\\\"\",\"label\":\"yes\"}\n\n{\"text\":\"c\",\"label\":\"no\"}\n",
        ),
    ];
    for (name, content) in files {
        let found = found(name, content);
        assert_eq!(
            pairs(&found),
            [("a, \"b\"", Some("yes")), ("c", Some("no"))],
            "{name}"
        );
        assert!(found.skipped.is_empty());
    }
}

#[test]
fn pairs_lists_and_numbers() {
    let rows = found("p.csv", b"text,text2,label\na,b,\nc,d,x\n").rows;
    assert_eq!(rows[0].text, Text::pair("a", "b"));
    assert_eq!(rows[0].label.as_deref(), Some(""));
    let content = b"{\"text\":\"a\",\"label\":[\"x\",\"y\"]}\n{\"text\":\"b\",\"label\":3.5}\n{\"text\":\"c\",\"label\":null}\n";
    let labels = found("p.jsonl", content)
        .rows
        .into_iter()
        .map(|row| row.label);
    let expected = [Some("x|y"), Some("3.5"), None].map(|label| label.map(str::to_owned));
    assert_eq!(labels.collect::<Vec<_>>(), expected);
}

#[test]
fn sentences_end_at_blank_lines() {
    let found = found(
        "a.conll",
        b"Ada\tB-PER\nLovelace\tI-PER\n \t\n\nwas\tVB\tO\r\n",
    );
    assert_eq!(
        pairs(&found),
        [("Ada Lovelace", Some("B-PER I-PER")), ("was", Some("O"))]
    );
    assert_eq!(found.lines, [1, 5]);
    assert_eq!(
        problem(Path::new("x/a.CoNLL")),
        ProblemName::TokenClassification
    );
    let found = super::parse(Path::new("a.conll"), b"a b\tO\nc\tO\n\nd\tO\n").unwrap();
    assert_eq!(
        (pairs(&found), found.skipped[0].line),
        (vec![("d", Some("O"))], 1)
    );
}

#[test]
fn broken_rows_are_named_by_their_line() {
    let content = b"text,label\n\"two\nlines\",x\none\nthree,four,five\n\n\nfine,y\nopen \"here,y\n\"never closed,x\nlast,y\n";
    let found = found("a.csv", content);
    assert_eq!(
        pairs(&found),
        [
            ("two\nlines", Some("x")),
            ("fine", Some("y")),
            ("open \"here", Some("y")),
            ("last", Some("y"))
        ]
    );
    assert_eq!(found.lines, [2, 8, 9, 11]);
    assert_eq!(
        reasons(&found),
        [
            (4, "it has 1 of 2 columns"),
            (5, "it has 3 of 2 columns"),
            (10, "it opens a quote that is never closed"),
        ]
    );
    assert_eq!(
        found.refuse_skipped(Path::new("a.csv")).unwrap_err().code(),
        "file_invalid"
    );
    let json = super::parse(
        Path::new("a.jsonl"),
        b"{\"text\":\"a\"}\n{oops\n{\"label\":\"b\"}\n",
    )
    .unwrap();
    assert_eq!((json.rows.len(), json.skipped.len()), (1, 2));
    assert_eq!((json.skipped[0].line, json.skipped[1].line), (2, 3));
}

#[test]
fn damaged_characters_cost_their_row_only() {
    let content = b"text,label\nd\xc3\xa9j\xc3\xa0,x\nna\xefve,y\nplain,x\n";
    let found = found("a.csv", content);
    assert_eq!(
        reasons(&found),
        [(3, "it has characters that are not UTF-8")]
    );
    assert_eq!((found.rows.len(), found.encoding), (2, None));
}

#[test]
fn bad_files_say_what_is_wrong() {
    for (name, content) in [
        ("a.csv", &b"sentence,label\nx,y\n"[..]),
        ("a.csv", b""),
        ("a.jsonl", b"{oops\n"),
        ("a.jsonl", b"{\"label\":\"a\"}\n"),
        ("a.conll", b"word\n"),
        ("a.xlsx", b"PK"),
    ] {
        let error = parse(&PathBuf::from(name), content).unwrap_err();
        assert_eq!(error.code(), "file_invalid", "{name}: {error}");
    }
}

fn cleaned(content: &str, reading: &Reading) -> Found {
    let mut found = found("a.csv", format!("text,label\n{content}").as_bytes());
    found.clean(reading);
    found
}

#[test]
fn what_teaches_nothing_is_left_out() {
    let reading = Reading::default();
    let content = "a,x\nb,y\na,x\nc,x\nc,y\nc,x\n ,x\nd,\ne,z\nf,y\ng,x\n";
    let found = cleaned(content, &reading);
    let texts: Vec<_> = pairs(&found).into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["a", "b", "f", "g"]);
    let conflict = "its text is labelled \"x\" in line 5 and \"y\" in line 6";
    assert_eq!(
        reasons(&found),
        [
            (8, "it has no text"),
            (9, "it has no label"),
            (4, "it repeats line 2"),
            (5, conflict),
            (6, conflict),
            (7, conflict),
            (10, "it is the only row of class \"z\""),
        ]
    );
}

#[test]
fn what_a_problem_allows_stays() {
    let with = |problem, reject: Option<&str>| Reading {
        problem,
        reject: reject.map(str::to_owned),
    };
    let several = cleaned("a,\nb,x|y\nc,x\n", &with(ProblemName::MultiLabel, None));
    assert_eq!((several.rows.len(), several.skipped.len()), (3, 0));
    let numbers = cleaned(
        "a,1\nb,one\nc,NaN\nd,2.5\n",
        &with(ProblemName::Regression, None),
    );
    assert_eq!(
        reasons(&numbers).iter().map(|r| r.0).collect::<Vec<_>>(),
        [3, 4]
    );
    let rejected = cleaned(
        "a,x\nb,x\nc,y\nd,y\ne,none\n",
        &with(ProblemName::SingleLabel, Some("none")),
    );
    assert_eq!(rejected.rows.len(), 5);
    // labels that are no classes are left to the trainer, which says what they look like
    let numbers = cleaned("a,1\nb,2\nc,3\n", &with(ProblemName::SingleLabel, None));
    assert_eq!(numbers.rows.len(), 3);
}

#[test]
fn many_rows_are_read() {
    let row = |index: usize| format!("text number {index},label {}\n", index % 7);
    let content: String = (0..100_000).map(row).collect();
    let mut found = found("a.csv", format!("text,label\n{content}").as_bytes());
    found.clean(&Reading::default());
    assert_eq!((found.rows.len(), found.lines[99_999]), (100_000, 100_001));
}
