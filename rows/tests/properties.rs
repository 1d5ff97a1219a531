//! What holds for any bytes, and for any rows however they are written.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet_rows::{Choice, Options, Problem, open};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use support::cells;

/// Reads in every way that there is; it only must not panic.
fn read(bytes: &[u8], options: &Options) {
    let Ok(table) = open(bytes.to_vec(), options) else {
        return;
    };
    let source = table.source();
    let proposal = table.propose(&source.guess);
    for problem in [
        Problem::SingleLabel,
        Problem::MultiLabel,
        Problem::Regression,
        Problem::TokenClassification,
    ] {
        let choice = Choice {
            columns: source.guess.clone(),
            problem,
            reject: proposal.reject.clone(),
            merge: true,
            ..Choice::default()
        };
        let looked = table.inspect(&choice);
        assert_eq!(looked.rows.len(), looked.numbers.len());
        assert_eq!(table.lines(&looked.numbers).len(), looked.numbers.len());
    }
    let (texts, rows) = table.texts(&source.guess);
    assert_eq!(texts.len(), rows.len());
    let _ = table.answered(&rows, &["answer".into()], &[]);
}

/// Text made of what readers look at.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just("\"\""),
        Just(","),
        Just(";"),
        Just("\t"),
        Just("|"),
        Just("\n"),
        Just("\r\n"),
        Just("\r"),
        Just(" "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(":"),
        Just("'"),
        Just("\\"),
        Just("\\u12"),
        Just("\"text\""),
        Just("\"label\""),
        Just("text"),
        Just("label"),
        Just("O"),
        Just("B-x"),
        Just("I-x"),
        Just("S-é"),
        Just("# "),
        Just("-DOCSTART-"),
        Just("sep="),
        Just("NaN"),
        Just("1.0"),
        Just("0"),
        Just("é"),
        Just("\u{fffd}"),
        Just("\0"),
        Just("{\"text\": \"a b\", \"label\": ["),
        Just("[0, 1, \"P\"]"),
        Just("{\"result\": [{\"value\": {\"start\": 0}}]}"),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn options() -> impl Strategy<Value = Options> {
    let name = prop::option::of(prop_oneof![
        Just("a.csv"),
        Just("a.tsv"),
        Just("a.jsonl"),
        Just("a.conll")
    ]);
    let delimiter = prop::option::of(prop_oneof![Just(','), Just('\t'), Just(';'), Just('~')]);
    let column = || prop::option::of(prop_oneof![Just("1"), Just("text"), Just("2")]);
    (
        name,
        delimiter,
        prop::option::of(any::<bool>()),
        column(),
        column(),
    )
        .prop_map(|(name, delimiter, header, text, label)| Options {
            name: name.map(str::to_owned),
            delimiter,
            header,
            text_column: text.map(str::to_owned),
            text2_column: None,
            label_column: label.map(str::to_owned),
        })
}

/// A cell that any format can hold; not blank, so that no row is passed over.
fn cell() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9é😀',;|:#.\"\\-][ a-zA-Z0-9é😀',;|:\t\n\"\\-]{0,20}"
        .prop_map(|cell: String| cell.trim().to_owned())
}

fn rows() -> impl Strategy<Value = Vec<[String; 3]>> {
    prop::collection::vec([cell(), cell(), cell()], 1..20)
}

fn delimited(rows: &[[String; 3]], delimiter: char, newline: &str, all: bool) -> String {
    let mut text = String::new();
    let header = ["text", "text2", "label"].map(str::to_owned);
    for row in std::iter::once(&header).chain(rows) {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                text.push(delimiter);
            }
            if all || cell.contains(['"', '\n', '\r', delimiter]) {
                text.push('"');
                text.push_str(&cell.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(cell);
            }
        }
        text.push_str(newline);
    }
    text
}

/// The same inputs in every run; `./build.sh soak` tries others.
fn fixed() -> ProptestConfig {
    let cases = std::env::var("GRAFTLET_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(300),
        rng_seed: RngSeed::Fixed(13),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(fixed())]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), options in options()) {
        read(&bytes, &options);
    }

    #[test]
    fn any_text_is_read_or_refused(text in pieces(), options in options()) {
        read(text.as_bytes(), &options);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        read(&wide, &Options::default());
    }

    #[test]
    fn quoted_rows_read_back(rows in rows(), delimiter in prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')], crlf in any::<bool>()) {
        let text = delimited(&rows, delimiter, if crlf { "\r\n" } else { "\n" }, true);
        let options = Options { delimiter: Some(delimiter), header: Some(true), ..Options::default() };
        let table = open(text.clone().into_bytes(), &options).unwrap();
        prop_assert_eq!(cells(&table), rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), "{}", text);
    }

    #[test]
    fn csv_quoted_where_it_must_be_reads_back(rows in rows()) {
        let text = delimited(&rows, ',', "\r\n", false);
        let options = Options { delimiter: Some(','), header: Some(true), ..Options::default() };
        let table = open(text.clone().into_bytes(), &options).unwrap();
        prop_assert_eq!(cells(&table), rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), "{}", text);
    }

    #[test]
    fn plain_tsv_reads_back(rows in rows(), stray in any::<prop::sample::Index>()) {
        // no quoting at all: neither tabs nor line breaks in cells, and one cell begins with a quote that nothing closes
        let mut rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cell.replace(['\t', '\n'], " ")).collect()).collect();
        let row = stray.index(rows.len());
        rows[row][0] = format!("\"{}", rows[row][0].replace('"', "").trim());
        let lines: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
        let text = format!("text\ttext2\tlabel\n{lines}");
        let options = Options { delimiter: Some('\t'), header: Some(true), ..Options::default() };
        let table = open(text.clone().into_bytes(), &options).unwrap();
        prop_assert_eq!(cells(&table), rows, "{}", text);
    }

    #[test]
    fn json_reads_back(rows in rows(), layout in 0..3usize) {
        let objects: Vec<String> = rows.iter().map(|[text, text2, label]| serde_json::json!({"text": text, "text2": text2, "label": label}).to_string()).collect();
        let text = match layout {
            0 => objects.join("\n"),
            1 => format!("[{}]", objects.join(",\n")),
            _ => format!("{{\"data\": [{}]}}", objects.join(",")),
        };
        let table = open(text.into_bytes(), &Options::default()).unwrap();
        let columns = &table.source().columns;
        let order = ["text", "text2", "label"].map(|name| columns.iter().position(|column| column == name).unwrap());
        let found: Vec<Vec<String>> = cells(&table).into_iter().map(|row| order.iter().map(|&column| row[column].clone()).collect()).collect();
        prop_assert_eq!(found, rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn encodings_give_the_same(rows in rows()) {
        let text = delimited(&rows, ',', "\r\n", true);
        let options = Options { delimiter: Some(','), header: Some(true), ..Options::default() };
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let wide: Vec<u8> = units.flat_map(u16::to_be_bytes).collect();
        let (one, other) = (open(text.into_bytes(), &options).unwrap(), open(wide, &options).unwrap());
        prop_assert_eq!(cells(&one), cells(&other));
    }
}
