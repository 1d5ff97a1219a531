//! JSON and JSON lines.

use graftlet_rows::{FindingKind, Format, Options, open};

use super::faults;
use super::support::{cells, look, pairs, table};

// ---- JSON

#[test]
fn json_lines_in_any_order_and_the_others_named() {
    let text = "{\"text\":\"a\",\"label\":1}\n{\"label\":2,\"text\":\"b\"}\nnot json\n[1]\n";
    let read = table(text);
    assert_eq!(read.source().format, Format::Jsonl);
    assert_eq!(read.source().columns, ["text", "label"]);
    assert_eq!(cells(&read), [["a", "1"], ["b", "2"]]);
    assert_eq!(faults(text), [(FindingKind::NotJson, vec![3, 4])]);
}

#[test]
fn json_in_every_layout() {
    let right = [["a", "x"], ["b", "y"]];
    for text in [
        "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n",
        "{\"text\":\"a\",\"label\":\"x\"}\r\n\r\n{\"text\":\"b\",\"label\":\"y\"}",
        "[{\"text\":\"a\",\"label\":\"x\"},\n{\"text\":\"b\",\"label\":\"y\"}]",
        "[\n {\n  \"text\": \"a\",\n  \"label\": \"x\"\n },\n {\n  \"text\": \"b\",\n  \"label\": \"y\"\n }\n]\n",
        "{\n \"text\": \"a\",\n \"label\": \"x\"\n}\n{\n \"text\": \"b\",\n \"label\": \"y\"\n}\n",
        "{\"data\": [{\"text\":\"a\",\"label\":\"x\"},{\"text\":\"b\",\"label\":\"y\"}]}",
        "{\"version\": 1, \"rows\": [{\"text\":\"a\",\"label\":\"x\"},{\"text\":\"b\",\"label\":\"y\"}]}",
        "{'text': 'a', 'label': 'x'}\n{'text': 'b', 'label': 'y'}\n",
        "\u{feff}{\"text\":\"\\u0061\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n",
    ] {
        assert_eq!(cells(&table(text)), right, "{text}");
    }
}

#[test]
fn a_broken_object_costs_itself() {
    let text = "[{\"text\":\"a\",\"label\":\"x\"},\n{\"text\":\"b\",\"label\":},\n{\"text\":\"c\",\"label\":\"y\"}]";
    assert_eq!(cells(&table(text)), [["a", "x"], ["c", "y"]]);
    assert_eq!(faults(text), [(FindingKind::NotJson, vec![2])]);
    let text = "{\"text\":\"a\",\"label\":\"x\"\n{\"text\":\"b\",\"label\":\"y\"} and more\n{\"text\":\"c\",\"label\":\"y\"}\n";
    assert_eq!(cells(&table(text)), [["c", "y"]]);
    assert_eq!(faults(text), [(FindingKind::NotJson, vec![1, 2])]);
}

#[test]
fn fields_within_objects_are_columns() {
    let text = "{\"meta\":{\"body\":\"one\",\"n\":{\"a\":1}},\"Label\":\"x\"}\n{\"meta\":{\"body\":\"two\"},\"Label\":\"y\"}\n";
    let options = Options {
        text_column: Some("meta.body".into()),
        ..Options::default()
    };
    let read = open(text.into(), &options).unwrap();
    assert_eq!(
        read.source().columns,
        ["meta", "meta.body", "meta.n", "meta.n.a", "Label"]
    );
    let guess = &read.source().guess;
    assert_eq!((guess.text, guess.label), (1, Some(4)));
    // a key with a dot is one name
    let dotted =
        table("{\"a.text\":\"one\",\"label\":\"x\"}\n{\"a.text\":\"two\",\"label\":\"y\"}\n");
    assert_eq!(dotted.source().columns, ["a.text", "label"]);
}

#[test]
fn json_that_holds_no_rows_is_named() {
    for (text, words) in [
        ("[1, 2, 3]", "JSON without objects"),
        ("[\"a\", \"b\"]\n[\"c\", \"d\"]\n", "JSON without objects"),
        ("{\"hidden_size\": 384, \"layers\": 6}", "one JSON object"),
        (
            "{\"text\": {\"0\": \"a\", \"1\": \"b\"}, \"label\": {\"0\": \"x\", \"1\": \"y\"}}",
            "orient=\"records\"",
        ),
        (
            "{\"text\": [\"a\", \"b\"], \"label\": [\"x\", \"y\"]}",
            "JSON by columns",
        ),
    ] {
        let refusal = open(text.into(), &Options::default()).unwrap_err();
        assert!(
            refusal.code == "not_rows" && refusal.message.contains(words),
            "{text}: {refusal}"
        );
    }
    // one row is one
    assert_eq!(table("{\"text\": \"a\", \"label\": \"x\"}\n").len(), 1);
    // a text may begin with a bracket
    assert_eq!(
        pairs(&look(
            "[laughs] that is fun,pos\n[sighs] how sad,neg\n[laughs] more fun,pos\noh no,neg\n"
        ))
        .len(),
        4
    );
}
