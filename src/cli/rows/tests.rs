use std::path::PathBuf;

use super::*;
use crate::head::{MULTI_LABEL, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION};

fn file(name: &str, content: &[u8], options: &RowOptions) -> Result<File> {
    File::open(&PathBuf::from(name), content.to_vec(), options)
}

fn found(name: &str, content: &[u8], reading: &Reading) -> Found {
    let file = file(name, content, &RowOptions::default()).unwrap();
    file.rows(reading, false).unwrap()
}

fn reason(name: &str, content: &[u8]) -> String {
    let error = match file(name, content, &RowOptions::default()) {
        Ok(file) => file.rows(&Reading::default(), false).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.code(), "file_invalid", "{name}: {error}");
    error.to_string()
}

#[test]
fn rows_have_their_lines() {
    let content = b"text,label\n\"two\nlines\",x\none\n\nfine,y\nbad,y,z\nmore,x\nlast,y\n";
    let found = found("a.csv", content, &Reading::default());
    assert_eq!(found.lines, [2, 6, 8, 9]);
    let skipped: Vec<_> = found
        .skipped
        .iter()
        .map(|s| (s.line, s.reason.as_str()))
        .collect();
    assert_eq!(
        skipped,
        [
            (7, "it has more cells than there are columns"),
            (4, "it has no label"),
        ]
    );
    let error = found.refuse_skipped(Path::new("a.csv")).unwrap_err();
    assert!(error.to_string().contains("a.csv, line 4"), "{error}");
}

#[test]
fn one_error_says_what_is_wrong_with_a_file() {
    for (name, content, words) in [
        ("a.csv", &b"headline,year\none text,1\nanother text,2\n"[..], &["no column holds labels", "“headline” and “year”", "--label-column"][..]),
        ("a.csv", b"", &["empty"]),
        ("a.jsonl", b"{oops\n", &["no column holds labels"]),
        ("a.xlsx", b"PK\x03\x04 xl/workbook.xml", &["Excel", "CSV UTF-8"]),
        ("a.jsonl", b"{\"text\":\"a\",\"label\":{\"name\":\"x\"}}\n", &["“label” holds objects", "“label.name”"]),
        (
            "a.csv",
            b"a,b,c\nsome longer text,x,u\nother longer text,y,v\nthird longer text,x,u\nfourth longer text,y,v\n",
            &["“b” and “c” could each hold the labels", "--label-column"],
        ),
    ] {
        let said = reason(name, content);
        for word in words {
            assert!(said.contains(word), "no {word:?} in {said}");
        }
    }
}

#[test]
fn options_say_what_is_what() {
    let content = b"a;b;c\none, two;x;u\nthree, four;y;u\n";
    let options = RowOptions {
        delimiter: Some(';'),
        text_column: Some("1".into()),
        label_column: Some("B".into()),
        no_header: false,
        ..RowOptions::default()
    };
    let file = file("x.txt", content, &options).unwrap();
    let rows = file.rows(&Reading::default(), true).unwrap().rows;
    assert_eq!(
        (&rows[0].input, rows[0].label.as_deref()),
        (&"one, two".into(), Some("x"))
    );
    assert_eq!(delimiter("tab"), Ok('\t'));
    assert!(delimiter(";;").is_err());
    let wrong = RowOptions {
        label_column: Some("labels".into()),
        ..RowOptions::default()
    };
    let error = super::File::open(Path::new("x.csv"), content.to_vec(), &wrong);
    assert!(
        error
            .err()
            .unwrap()
            .to_string()
            .contains("“a”, “b” and “c”")
    );
}

#[test]
fn rows_to_judge_on_stay() {
    let content = b"text,label\na,x\na,x\nb,y\nb,x\nc,z\n";
    let file = file("a.csv", content, &RowOptions::default()).unwrap();
    assert_eq!(file.rows(&Reading::default(), true).unwrap().rows.len(), 5);
    assert!(file.rows(&Reading::default(), false).is_err());
}

#[test]
fn the_problem_is_what_the_labels_look_like() {
    for (name, content, problem) in [
        ("a.csv", &b"text,label\na b,x\nc d,y\n"[..], SINGLE_LABEL),
        ("a.conll", b"Ada\tB-PER\nwas\tO\n", TOKEN_CLASSIFICATION),
        ("a.csv", b"text,label\na,x|y\nb,x\nc,y\n", MULTI_LABEL),
        ("a.csv", b"text,label\na,1.5\nb,2.25\nc,0.1\n", REGRESSION),
    ] {
        let file = file(name, content, &RowOptions::default()).unwrap();
        assert_eq!(file.problem(), problem);
    }
}

#[test]
fn labels_merge_if_asked() {
    let content = b"text,label\na,Billing\nb,billing\nc,Billing\nd,other\ne,other\n";
    let options = RowOptions {
        merge_labels: true,
        ..RowOptions::default()
    };
    let merged = file("a.csv", content, &options)
        .unwrap()
        .rows(&Reading::default(), false)
        .unwrap();
    assert_eq!(merged.rows[1].label.as_deref(), Some("Billing"));
    assert!(merged.skipped.is_empty());
    let plain = found("a.csv", content, &Reading::default());
    assert!(
        plain
            .sentences
            .iter()
            .any(|sentence| sentence.contains("--merge-labels"))
    );
}

#[test]
fn a_pair_without_its_second_text_is_refused() {
    let content = b"text,text2,label\na,b,x\nc,,x\n";
    let file = file("a.csv", content, &RowOptions::default()).unwrap();
    let found = file.rows(&Reading::default(), true).unwrap();
    let error = found.refuse_half_pairs(Path::new("a.csv")).unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
}
