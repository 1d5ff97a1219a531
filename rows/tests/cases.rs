//! Files as people have them, each with the rows that are right. The page's reader is held to the same
//! `tests/cases/expected.json`; `GRAFTLET_WRITE_EXPECTED=1 cargo test -p graftlet-rows --test cases` writes it again.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use graftlet_rows::{Choice, Looked, Options, Problem, open};
use serde_json::{Map, Value, json};

const LABELS: [&str; 20] = [
    "neg", "pos", "neg", "neg", "pos", "pos", "neg", "pos", "neg", "pos", "neg", "neg", "neg",
    "neg", "pos", "pos", "pos", "pos", "neg", "pos",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// All files below the folder, by their path in it.
fn files() -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let inner = entry.unwrap().path();
        if !inner.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(inner).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(folder()).unwrap();
            found.push(name.to_str().unwrap().replace('\\', "/"));
        }
    }
    found.sort();
    found
}

/// The whole reading of a file, with every guess.
fn reading(name: &str) -> (Value, Option<Looked>) {
    let bytes = std::fs::read(folder().join(name)).unwrap();
    let options = Options {
        name: Some(name.rsplit('/').next().unwrap().to_owned()),
        ..Options::default()
    };
    let table = match open(bytes, &options) {
        Ok(table) => table,
        Err(refusal) => return (json!({ "refusal": refusal }), None),
    };
    let source = table.source();
    let proposal = table.propose(&source.guess);
    let looked = table.inspect(&Choice {
        columns: source.guess.clone(),
        problem: proposal.problem,
        reject: proposal.reject.clone(),
        ..Choice::default()
    });
    let value = json!({ "source": source, "proposal": proposal, "looked": looked });
    (value, Some(looked))
}

fn looked(name: &str) -> Looked {
    reading(name).1.unwrap()
}

fn texts(looked: &Looked) -> Vec<String> {
    looked.rows.iter().map(|row| row.text.to_owned()).collect()
}

fn labels(looked: &Looked) -> Vec<String> {
    looked.rows.iter().map(|row| row.label.to_owned()).collect()
}

#[test]
fn every_file_is_read_as_it_was() {
    let mut all = Map::new();
    println!(
        "{:<48} {:<6} {:<12} {:>5} {:>6}  {:<20} left out or refused",
        "file", "format", "encoding", "rows", "usable", "problem"
    );
    for name in files() {
        let (value, looked) = reading(&name);
        let source = &value["source"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let said = match &looked {
            Some(looked) => {
                let findings = looked
                    .inspection
                    .findings
                    .iter()
                    .map(|finding| finding.sentence.clone());
                findings
                    .chain(looked.inspection.blocked.clone())
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            None => text(&value["refusal"]["message"]),
        };
        println!(
            "{name:<48} {:<6} {:<12} {:>5} {:>6}  {:<20} {said}",
            text(&source["format"]),
            text(&source["encoding"]),
            source["rows"],
            looked.as_ref().map_or(0, |looked| looked.rows.len()),
            text(&value["proposal"]["problem"]),
        );
        all.insert(name, value);
    }
    let path = folder().join("expected.json");
    let all = Value::Object(all);
    if std::env::var_os("GRAFTLET_WRITE_EXPECTED").is_some() {
        let lines = serde_json::to_string_pretty(&all).unwrap();
        std::fs::write(&path, lines + "\n").unwrap();
    }
    let expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let (all, expected) = (all.as_object().unwrap(), expected.as_object().unwrap());
    assert!(all.keys().eq(expected.keys()), "the files are others");
    for (name, value) in all {
        assert_eq!(value, &expected[name], "{name}");
    }
}

/// Cases 01, 10 and 11: two columns under any names and between any delimiters.
#[test]
fn twenty_rows_with_one_label() {
    let excel = looked("01-excel-sep-semicolon/plain.csv");
    assert_eq!(labels(&excel), LABELS);
    assert_eq!(texts(&excel)[13], "rude staff, slow");
    assert_eq!(
        looked("01-excel-sep-semicolon/reviews.csv").rows,
        excel.rows
    );
    let right = looked("11-other-column-names/simple.csv");
    assert_eq!(labels(&right), LABELS);
    assert_eq!(texts(&right)[0], "i will never come back");
    assert_eq!(texts(&right)[19], "such a pretty garden");
    let and: Vec<String> = texts(&excel)
        .iter()
        .map(|text| text.replace(", ", " and "))
        .collect();
    assert_eq!(texts(&right), and);
    for name in [
        "09-jsonl-doccano-spans/array.json",
        "09-jsonl-doccano-spans/array.jsonl",
        "11-other-column-names/autotrain.csv",
        "11-other-column-names/kaggle.csv",
        "11-other-column-names/noheader.csv",
        "11-other-column-names/spaces.csv",
        "11-other-column-names/sst.csv",
        "11-other-column-names/textlabels.csv",
    ] {
        let other = looked(name);
        assert_eq!(other.rows, right.rows, "{name}");
        assert!(
            other.inspection.findings.is_empty() && other.inspection.blocked.is_none(),
            "{name}"
        );
    }
    assert_eq!(right.numbers, (2..22).collect::<Vec<_>>());
}

/// Case 03: quotes are characters of these texts.
#[test]
fn a_tsv_without_quoting() {
    let read = looked("03-tsv-unbalanced-quotes/train.tsv");
    assert_eq!(labels(&read), LABELS);
    let texts = texts(&read);
    assert_eq!(texts[2], "\"what a nasty waiter");
    assert_eq!(texts[7], "i would come back tomorrow he said \"no\" twice");
    assert_eq!(texts[11], "\"stale bread again");
    assert!(read.inspection.findings.is_empty());
}

/// Case 47: the misquoted row is named, the others live.
#[test]
fn a_csv_with_a_stray_quote() {
    let read = looked("47-csv-stray-quote/train.csv");
    let mut right = LABELS.to_vec();
    right.remove(2);
    assert_eq!(labels(&read), right);
    assert!(texts(&read).contains(&"the garden was a dump 12\" pizza".to_owned()));
    let findings = &read.inspection.findings;
    assert_eq!((findings.len(), &findings[0].rows[..]), (1, &[4][..]));
    assert_eq!(
        findings[0].sentence,
        "Row 4 has quotes that do not match: it is left out."
    );
}

/// Case 04: several labels in every form.
#[test]
fn several_labels() {
    let right = looked("04-multilabel-list-repr/right.csv");
    assert_eq!(right.inspection.problem, Problem::MultiLabel);
    let start = ["anger|surprise", "joy", "anger", "anger|surprise", "joy"];
    assert_eq!(labels(&right)[..5], start);
    for name in ["comma.csv", "json.csv", "repr.csv", "onehot.csv"] {
        let other = looked(&format!("04-multilabel-list-repr/{name}"));
        assert_eq!(other.rows, right.rows, "{name}");
        assert_eq!(other.inspection.problem, Problem::MultiLabel);
    }
    // vectors have no names: the first is joy, then anger and surprise
    let vectors = looked("04-multilabel-list-repr/onehot-list.csv");
    let named = |label: &String| {
        let label = label.replace("label_0", "joy").replace("label_1", "anger");
        label.replace("label_2", "surprise")
    };
    assert_eq!(
        labels(&vectors).iter().map(named).collect::<Vec<_>>(),
        labels(&right)
    );
}

/// Cases 05, 06, 08 and 09: words with tags.
#[test]
fn tagged_sentences() {
    let right = looked("08-jsonl-tokens-and-tags/tokens.jsonl");
    assert_eq!(right.rows.len(), 24);
    assert_eq!(texts(&right)[0], "Mira moved to Turku spring .");
    assert_eq!(labels(&right)[0], "B-PER O O B-LOC O O");
    for name in [
        "08-jsonl-tokens-and-tags/text.jsonl",
        "09-jsonl-doccano-spans/doccano.jsonl",
    ] {
        assert_eq!(looked(name).rows, right.rows, "{name}");
    }
    let conll = looked("05-conll2003-spaces/train.conll");
    assert_eq!(conll.rows.len(), 24);
    assert_eq!(texts(&conll)[0], "Mira moved to Turku last spring .");
    assert_eq!(labels(&conll)[0], "B-PER O O B-LOC O O O");
    assert_eq!(conll.numbers[..3], [3, 11, 19]);
    assert_eq!(looked("05-conll2003-spaces/tabs.conll").rows, conll.rows);
    let bioes = looked("06-conll-bioes/train.conll");
    assert_eq!(texts(&bioes)[0], "Mira moved to New Turku last spring .");
    assert_eq!(labels(&bioes)[0], "B-PER O O B-LOC I-LOC O O O");
    assert_eq!(looked("06-conll-bioes/bilou.conll").rows, bioes.rows);
    for read in [&conll, &bioes] {
        let classes: Vec<_> = read
            .inspection
            .classes
            .iter()
            .map(|class| class.label.as_str())
            .collect();
        assert_eq!(classes, ["LOC", "PER"]);
    }
}

/// Case 09: objects are refused by name, NaN is a missing value.
#[test]
fn objects_and_missing_values() {
    let nested = looked("09-jsonl-doccano-spans/nested.jsonl");
    let blocked = nested.inspection.blocked.unwrap();
    assert!(
        blocked.contains("“text” holds objects") && blocked.contains("“text.value”"),
        "{blocked}"
    );
    let bytes = std::fs::read(folder().join("09-jsonl-doccano-spans/nested.jsonl")).unwrap();
    let mut options = Options {
        text_column: Some("text.value".into()),
        ..Options::default()
    };
    let open = |options: &Options| open(bytes.clone(), options).unwrap();
    let look = |options: &Options| {
        let table = open(options);
        table.inspect(&Choice {
            columns: table.source().guess.clone(),
            ..Choice::default()
        })
    };
    let blocked = look(&options).inspection.blocked.unwrap();
    assert!(
        blocked.contains("“label” holds objects") && blocked.contains("“label.name”"),
        "{blocked}"
    );
    options.label_column = Some("label.name".into());
    assert_eq!(labels(&look(&options)), LABELS);

    let nan = looked("09-jsonl-doccano-spans/nan.jsonl");
    let mut right = LABELS.to_vec();
    right.remove(3);
    assert_eq!(labels(&nan), right);
    assert_eq!(nan.inspection.findings[0].rows, [4]);
}

/// Case 10: 1 and 1.0 are one class.
#[test]
fn numbers_as_classes() {
    let float = looked("10-numeric-labels/float.csv");
    let right: Vec<_> = LABELS
        .iter()
        .map(|label| if *label == "pos" { "1" } else { "0" })
        .collect();
    assert_eq!(labels(&float), right);
    let gaps = looked("10-numeric-labels/gaps.csv");
    let classes: Vec<_> = gaps
        .inspection
        .classes
        .iter()
        .map(|class| class.label.as_str())
        .collect();
    assert_eq!((classes, gaps.rows.len()), (vec!["1", "10", "2"], 20));
    assert_eq!(gaps.inspection.problem, Problem::SingleLabel);
}
