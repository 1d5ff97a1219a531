//! Which column is taken for what.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use graftlet_rows::{Columns, Options, open};
use support::table;

fn guess(text: &str) -> (usize, Option<usize>, Option<usize>) {
    let Columns {
        text, text2, label, ..
    } = table(text).source().guess;
    (text, text2, label)
}

#[test]
fn names_say_it() {
    for (header, expected) in [
        (
            "id,Sentence1,sentence2,gold_label,label",
            (1, Some(2), Some(4)),
        ),
        ("Category,Message", (1, None, Some(0))),
        ("words,tags", (0, None, Some(1))),
        ("sentence,label", (0, None, Some(1))),
        ("TEXT,Labels", (0, None, Some(1))),
        ("question1,question2,is_duplicate", (0, Some(1), Some(2))),
        ("premise,hypothesis,label", (0, Some(1), Some(2))),
        ("index,question,sentence,label", (1, Some(2), Some(3))),
        ("idx,text_a,text_b,score", (1, Some(2), Some(3))),
        ("qid,query,passage,target", (1, Some(2), Some(3))),
        ("id,keyword,location,text,target", (3, None, Some(4))),
        ("tweet_id,airline_sentiment,text", (2, None, Some(1))),
        ("review,sentiment", (0, None, Some(1))),
        ("utterance,intent", (0, None, Some(1))),
        ("title,body,category", (1, None, Some(2))),
        (
            "Quality,#1 ID,#2 ID,#1 String,#2 String",
            (3, Some(4), Some(0)),
        ),
        ("text,label,label_text", (0, None, Some(1))),
        ("tokens,pos_tags,ner_tags", (0, None, Some(2))),
    ] {
        let width = header.matches(',').count() + 1;
        let rows: String = (0..6)
            .map(|row| {
                (0..width)
                    .map(|cell| format!("w{row}{cell}"))
                    .collect::<Vec<_>>()
                    .join(",")
                    + "\n"
            })
            .collect();
        assert_eq!(guess(&format!("{header}\n{rows}")), expected, "{header}");
    }
}

#[test]
fn content_says_it_where_names_do_not() {
    let rows = "a,b,c\n1,a rather long text,pos\n2,another text to read,neg\n3,and a third one here,pos\n4,the last of them all,neg\n";
    assert_eq!(guess(rows), (1, None, Some(2)));
    // sorted by label: the first rows say nothing
    let sorted: String = (0..3000)
        .map(|i| {
            format!(
                "{},{i},some words number {i}\n",
                if i < 1500 { 0 } else { 4 }
            )
        })
        .collect();
    let read = table(&sorted);
    assert_eq!(
        (
            read.source().header,
            read.source().guess.text,
            read.source().guess.label
        ),
        (false, 2, Some(0))
    );
    assert_eq!(
        guess("text\nfirst text\nsecond text\nthird text\n"),
        (0, None, None)
    );
}

#[test]
fn what_is_not_plain_is_said() {
    let rows: String = (0..8)
        .map(|i| {
            format!(
                "some longer text {i},{},{}\n",
                i % 2,
                ["p", "q", "r", "s"][i / 2]
            )
        })
        .collect();
    let unclear = table(format!("a,b,c\n{rows}"))
        .source()
        .unclear
        .clone()
        .unwrap();
    assert!(
        unclear.contains("“b” and “c” could each hold the labels"),
        "{unclear}"
    );
    let rows: String = (0..8)
        .map(|i| format!("some longer text {i},another long text {i},{}\n", i % 2))
        .collect();
    let unclear = table(format!("a,b,label\n{rows}"))
        .source()
        .unclear
        .clone()
        .unwrap();
    assert!(
        unclear.contains("“a” and “b” could each hold the texts"),
        "{unclear}"
    );
    assert_eq!(table("text,label\na b,x\nc d,y\n").source().unclear, None);
}

#[test]
fn options_say_it() {
    let text = "a,b,c\nsome words,x,u\nother words,y,v\n";
    let with = |text_column: &str, label_column: &str| Options {
        text_column: Some(text_column.into()),
        label_column: Some(label_column.into()),
        ..Options::default()
    };
    for (first, label) in [("a", "c"), ("A", " C "), ("1", "3")] {
        let read = open(text.into(), &with(first, label)).unwrap();
        let guess = &read.source().guess;
        assert_eq!((guess.text, guess.label), (0, Some(2)));
        assert_eq!(read.source().unclear, None);
    }
    for wrong in ["d", "4", "0", ""] {
        let refusal = open(text.into(), &with("a", wrong)).unwrap_err();
        assert_eq!(refusal.code, "columns_unclear");
        assert!(
            refusal.message.contains("“a”, “b” and “c”")
                && refusal.message.contains("--label-column"),
            "{refusal}"
        );
    }
    let flags = "t,p,q\nsome words,1,0\nother words,0,1\nmore words,1,1\n";
    let read = open(flags.into(), &with("t", "p,q")).unwrap();
    assert_eq!(
        (
            read.source().guess.label,
            &read.source().guess.label_columns[..]
        ),
        (None, &[1, 2][..])
    );
    let pair = Options {
        text2_column: Some("b".into()),
        ..with("a", "c")
    };
    assert_eq!(
        open(text.into(), &pair).unwrap().source().guess.text2,
        Some(1)
    );
}
