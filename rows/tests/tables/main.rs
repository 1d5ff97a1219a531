//! Files and the cells that are read from them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod conll;
mod json;

#[path = "../support/mod.rs"]
mod support;

use graftlet_rows::{FindingKind, Format, Options, open};
use support::{cells, findings, look, pairs, table};

fn faults(text: &str) -> Vec<(FindingKind, Vec<u32>)> {
    let found = findings(&look(text)).into_iter();
    found
        .filter(|(kind, _)| *kind <= FindingKind::NotTagged)
        .collect()
}

// ---- CSV

#[test]
fn csv_with_quotes_crlf_and_line_breaks_inside_a_cell() {
    let csv = table("text,label\r\n\"a, \"\"b\"\"\r\nc\",x\r\nd,y\r\n");
    let source = csv.source();
    assert_eq!((source.format, source.header), (Format::Csv, true));
    assert_eq!(source.columns, ["text", "label"]);
    assert_eq!(cells(&csv), [["a, \"b\"\r\nc", "x"], ["d", "y"]]);
    let looked = support::look_as(
        "text,label\r\n\"a, \"\"b\"\"\r\nc\",x\r\nd,y\r\n",
        |choice| choice.judged = true,
    );
    assert_eq!(looked.numbers, [2, 3]);
}

#[test]
fn every_delimiter_and_line_break_gives_the_same_rows() {
    let rows = [
        ("text", "label"),
        ("one thing", "x"),
        ("another", "y"),
        ("a third", "x"),
        ("four", "y"),
    ];
    let right = pairs(&look(
        "text,label\none thing,x\nanother,y\na third,x\nfour,y\n",
    ));
    assert_eq!(right.len(), 4);
    for delimiter in [",", ";", "\t", "|"] {
        for newline in ["\n", "\r\n", "\r"] {
            let content: String = rows
                .iter()
                .map(|(text, label)| format!("{text}{delimiter}{label}{newline}"))
                .collect();
            assert_eq!(pairs(&look(&content)), right, "{content:?}");
            let sep = format!("sep={delimiter}{newline}{content}");
            assert_eq!(pairs(&look(&sep)), right, "{sep:?}");
        }
    }
    // a mixture of line breaks, and none at the end
    assert_eq!(
        pairs(&look(
            "text,label\r\none thing,x\nanother,y\ra third,x\r\nfour,y"
        )),
        right
    );
}

#[test]
fn excels_first_line_names_the_delimiter() {
    for first in ["sep=;", "SEP=;", "\"sep=;\"", "sep=;;"] {
        let csv = table(format!("{first}\r\ntext;label\r\na, b;x\r\n"));
        assert_eq!(csv.source().delimiter, Some(';'), "{first}");
        assert_eq!(cells(&csv), [["a, b", "x"]]);
    }
    assert_eq!(
        table("sep=,,,\ntext,label,\na,x,\n").source().columns[0],
        "text"
    );
}

#[test]
fn a_continental_spreadsheet() {
    let csv = table("text;label\nja, gern;x\nnein;y\n");
    assert_eq!(cells(&csv), [["ja, gern", "x"], ["nein", "y"]]);
}

#[test]
fn numbers_are_the_spreadsheets() {
    let looked = look("text,label\n\na,x\n\nb,y\nc,x\nd,y\n");
    assert_eq!(looked.numbers, [3, 5, 6, 7]);
}

#[test]
fn a_stray_quote_costs_its_own_row_and_no_other() {
    let text = "text,label\na,x\n\"b,x\nc,y\n\"d, e\",y\n\"f\" g,x\nh,y\n\"open,x\n";
    assert_eq!(
        cells(&table(text)),
        [["a", "x"], ["c", "y"], ["d, e", "y"], ["h", "y"]]
    );
    let looked = support::look_as(text, |choice| choice.judged = true);
    assert_eq!(looked.numbers, [2, 4, 5, 7]);
    assert_eq!(faults(text), [(FindingKind::Misquoted, vec![3, 6, 8])]);
}

/// A later quote may happen to close the stray one. The lines between are rows all the same.
#[test]
fn rows_do_not_melt_into_a_cell() {
    let rows: String = (0..40)
        .map(|i| format!("text number {i},{}\n", ["pos", "neg"][i % 2]))
        .collect();
    for end in [
        "the screen is 12\",pos\n",
        "he said \"\"no\"\" and \"yes\",neg\n",
    ] {
        let text = format!(
            "text,label\n{rows}\"what a nasty waiter,neg\nmore here,pos\nand more,neg\n{end}last one,pos\n"
        );
        let looked = look(&text);
        assert_eq!(looked.rows.len(), 44, "{end}");
        assert_eq!(findings(&looked)[&FindingKind::Misquoted], [42]);
    }
    // a cell that does hold several lines stays one
    let text =
        format!("text,label\n{rows}\"Dear sir,\nthank you, and\ngoodbye\",pos\nlast one,neg\n");
    let looked = look(&text);
    assert_eq!(looked.rows.len(), 42);
    assert_eq!(
        pairs(&looked)[40],
        ("Dear sir,\nthank you, and\ngoodbye".into(), "pos".into())
    );
    // numbers are rows as well
    let rows: String = (0..40)
        .map(|i| format!("text number {i},{}\n", f64::from(i) / 7.0))
        .collect();
    let text = format!("text,score\n{rows}\"open,0.5\nother,0.75\na 12\",0.25\n");
    assert_eq!(findings(&look(&text))[&FindingKind::Misquoted], [42]);
    assert_eq!(look(&text).rows.len(), 42);
}

#[test]
fn a_quote_inside_a_cell_stands_as_it_is() {
    let looked = look("text,label\na 5\" disk,x\nb,y\nc \"quoted\" word,x\nd,y\n");
    assert_eq!(pairs(&looked)[0].0, "a 5\" disk");
    assert_eq!(pairs(&looked)[2].0, "c \"quoted\" word");
}

#[test]
fn spaces_may_stand_around_quotes() {
    let csv = table("text, label\n\"a, b\" , \"x, 1\"\nc, \"y\" z\n");
    assert_eq!(cells(&csv), [["a, b", "x, 1"], ["c", "\"y\" z"]]);
}

#[test]
fn short_rows_are_filled_and_wide_ones_named() {
    let text = "text,label\na\nb,x,,\nc, d,x\n";
    assert_eq!(cells(&table(text)), [["a", ""], ["b", "x"]]);
    assert_eq!(faults(text), [(FindingKind::TooWide, vec![4])]);
}

#[test]
fn trailing_empty_cells_are_nothing() {
    let csv = table("label,tweet,,\nneg,some text,,\npos,other text,,\n");
    assert_eq!(
        csv.source().columns,
        ["label", "tweet", "Column 3", "Column 4"]
    );
    assert_eq!(
        (csv.source().guess.text, csv.source().guess.label),
        (1, Some(0))
    );
}

#[test]
fn the_first_row_is_an_example_if_nothing_names_columns() {
    let csv = table("what a lovely film,good\nso dull,bad\nlovely again,good\n");
    assert!(!csv.source().header);
    assert_eq!(csv.len(), 3);
    assert_eq!(csv.lines(&[1, 3]), [1, 3]);
    assert_eq!(
        look("a film,good\nso dull,bad\nlovely,good\nnever,bad\n").numbers,
        [1, 2, 3, 4]
    );
    // a name that comes again below is a value
    assert!(
        !table("fine words,y\nsome words,n\nother words,y\n")
            .source()
            .header
    );
    assert!(
        table("Satz,Art\nDas ist ein ganzer Satz,x\nUnd noch einer dazu,x\n")
            .source()
            .header
    );
    assert!(table("satz,wert\nkurz,1\nlang,2\n").source().header);
}

#[test]
fn the_header_may_be_said() {
    let options = Options {
        header: Some(false),
        ..Options::default()
    };
    assert_eq!(
        open(b"text,label\na,x\n".to_vec(), &options).unwrap().len(),
        2
    );
}

#[test]
fn nothing_is_refused_as_empty() {
    for text in ["", "\n\r\n  \n", "\u{feff}"] {
        let refusal = open(text.into(), &Options::default()).unwrap_err();
        assert_eq!(refusal.code, "file_empty");
    }
    assert!(table("text,label\n").is_empty());
}

#[test]
fn lines_of_text_are_one_column() {
    let lines =
        "Well, this is, in a word, long\nShort\nWith one, comma\nAnd, two, commas\nNone here\n";
    let read = table(lines);
    assert_eq!(
        (
            read.source().format,
            read.len(),
            read.source().columns.len()
        ),
        (Format::Lines, 5, 1)
    );
    assert_eq!(read.source().guess.label, None);
    assert_eq!(
        table("text\n\"one, two\"\n\"three\"\n").source().columns,
        ["text"]
    );
}

#[test]
fn delimiters_may_be_said() {
    let options = Options {
        delimiter: Some('~'),
        ..Options::default()
    };
    let read = open(b"text~label\na, b~x\n".to_vec(), &options).unwrap();
    assert_eq!(cells(&read), [["a, b", "x"]]);
    for wrong in ['"', 'a', '\n', 'é'] {
        let options = Options {
            delimiter: Some(wrong),
            ..Options::default()
        };
        assert_eq!(
            open(b"text~label\n".to_vec(), &options).unwrap_err().code,
            "option_invalid"
        );
    }
}

#[test]
fn encodings_give_the_same_rows() {
    let text = "text,label\r\ndéjà vu,x\r\nnaïve,y\r\ncafé,x\r\nthé,y\r\n";
    let right = pairs(&look(text));
    let wide = |order: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let marks = mark.then_some(0xfeff);
        marks
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(order)
            .collect()
    };
    let narrow: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c as u32).unwrap())
        .collect();
    for bytes in [
        format!("\u{feff}{text}").into_bytes(),
        wide(u16::to_le_bytes, true),
        wide(u16::to_be_bytes, true),
        wide(u16::to_le_bytes, false),
        wide(u16::to_be_bytes, false),
        narrow,
    ] {
        assert_eq!(pairs(&look(&bytes)), right);
    }
}

// ---- TSV

#[test]
fn tsv_may_hold_commas_and_unmatched_quotes() {
    let tsv = table("text\tlabel\none, two, three\tx\n\"four, five\ty\n");
    assert_eq!(tsv.source().format, Format::Tsv);
    assert_eq!(
        cells(&tsv),
        [["one, two, three", "x"], ["\"four, five", "y"]]
    );
    // quotes that happen to match over several lines
    let text = "text\tlabel\n\"one\tx\ntwo\"\ty\nthree\tx\n\"four\" five\ty\n";
    assert_eq!(cells(&table(text))[0], ["\"one", "x"]);
    assert_eq!(table(text).len(), 4);
}

#[test]
fn tsv_that_is_quoted_is_read_so() {
    let tsv = table("text\tlabel\n\"a\tb\"\tx\n\"c \"\"d\"\"\ne\"\ty\n\"f\"\tx\n");
    assert_eq!(
        cells(&tsv),
        [["a\tb", "x"], ["c \"d\"\ne", "y"], ["f", "x"]]
    );
    let each = table("\"text\"\t\"label\"\n\"one\"\t\"x\"\n\"two\"\t\"y\"\n");
    assert_eq!(cells(&each), [["one", "x"], ["two", "y"]]);
}

// ---- what else is there

#[test]
fn answers_stand_beside_their_rows() {
    let read = table("text,label\n\"a, b\",x\n,y\nc,z\n");
    let csv = read.answered(
        &[0, 2],
        &["answer".into()],
        &[vec!["p\"q".into()], vec!["r".into()]],
    );
    assert_eq!(
        csv,
        "\u{feff}text,label,answer\r\n\"a, b\",x,\"p\"\"q\"\r\n,y,\r\nc,z,r\r\n"
    );
    let (texts, rows) = read.texts(&read.source().guess);
    assert_eq!((texts.len(), rows), (2, vec![0, 2]));
}

#[test]
fn answers_come_back_in_the_delimiter_of_the_file() {
    for (delimiter, file) in [
        (";", "text;label\n\"a; b\";x\nc, d;y\n"),
        ("\t", "text\tlabel\na; b\tx\nc, d\ty\n"),
        ("|", "text|label\na; b|x\nc, d|y\n"),
        (",", "text,label\na; b,x\n\"c, d\",y\n"),
    ] {
        let read = table(file);
        let csv = read.answered(
            &[0, 1],
            &["answer".into()],
            &[vec!["p".into()], vec!["q;r".into()]],
        );
        let quoted = |cell: &str| {
            if cell.contains(delimiter) {
                format!("\"{cell}\"")
            } else {
                cell.to_owned()
            }
        };
        let row = |cells: [&str; 3]| cells.map(quoted).join(delimiter) + "\r\n";
        let rows = row(["text", "label", "answer"])
            + &row(["a; b", "x", "p"])
            + &row(["c, d", "y", "q;r"]);
        assert_eq!(csv, format!("\u{feff}{rows}"));
    }
    let list = table("[{\"text\":\"a\"},{\"text\":\"b\"}]");
    assert!(
        list.answered(&[0], &["answer".into()], &[vec!["p".into()]])
            .contains("a,p\r\n")
    );
}

#[test]
fn lines_are_those_of_the_file() {
    let read = table("text,label\n\"a\nb\",x\nc,y\n\nd,z,w,v\ne,x\n");
    assert_eq!(read.lines(&[2, 3, 5, 6]), [2, 4, 6, 7]);
    assert_eq!(read.lines(&[6, 2]), [7, 2]);
    let list = table("[\n{\"text\":\"a\"},\n\n{\"text\":\"b\"}]");
    assert_eq!(list.lines(&[1, 2]), [2, 4]);
}

#[test]
fn one_hundred_thousand_rows() {
    let rows: String = (0..100_000)
        .map(|i| format!("\"text, number {i}\",{}\n", i % 7))
        .collect();
    let looked = look(format!("text,label\n{rows}"));
    assert_eq!(
        (looked.rows.len(), looked.numbers[99_999]),
        (100_000, 100_001)
    );
}
