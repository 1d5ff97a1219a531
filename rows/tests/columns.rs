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

fn chosen(text: &str) -> Columns {
    table(text).source().guess.clone()
}

/// Rows of these columns, each text once.
fn rows(header: &str, row: impl Fn(usize) -> String) -> String {
    let rows = (0..20).map(|index| row(index) + "\n");
    format!("{header}\n{}", rows.collect::<String>())
}

#[test]
fn a_column_that_tells_nothing_apart_is_no_label() {
    // STS-B and SICK with their own headers
    let sts = rows(
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
        |i| {
            format!(
                "{i}\tmain-captions\tMSRvid\t2012test\t{i:04}\tnone\tnone\tA \"plane {i}.\tA plane {i}\t{}.250",
                i % 5
            )
        },
    );
    let found = chosen(&sts);
    assert_eq!(
        (found.text, found.text2, found.label),
        (7, Some(8), Some(9))
    );
    let genres = sts.replace("5\tmain-captions", "5\tmain-news");
    assert_eq!(chosen(&genres).label, Some(9));
    let sick = rows(
        "pair_ID\tsentence_A\tsentence_B\tentailment_label\trelatedness_score",
        |i| {
            format!(
                "{i}\tA dog {i}\tA cat {i}\t{}\t{}.5",
                ["NEUTRAL", "ENTAILMENT"][i % 2],
                i % 5
            )
        },
    );
    assert_eq!(chosen(&sick).label, Some(3));
    let binary = rows("", |i| {
        let answer = ["accept", "reject"][i % 2];
        format!("{{\"text\":\"a text {i}\",\"label\":\"SPAM\",\"answer\":\"{answer}\"}}")
    });
    assert_eq!(chosen(&binary).label, Some(2));
}

#[test]
fn the_member_of_an_object_is_the_label_not_the_object() {
    let nested = rows("", |i| {
        format!(
            "{{\"doc\":{{\"body\":\"a text {i}\"}},\"annotation\":{{\"label\":\"{}\",\"by\":\"bo\"}}}}",
            i % 2
        )
    });
    let table = table(&nested);
    let label = table.source().guess.label.unwrap();
    assert_eq!(table.source().columns[label], "annotation.label");
    // one member a label, as spaCy has them: the members' names are the labels
    let cats = rows("", |i| {
        format!(
            "{{\"text\":\"a text {i}\",\"cats\":{{\"POS\":{}.0,\"NEG\":{}.0}}}}",
            i % 2,
            (i + 1) % 2
        )
    });
    assert_eq!(support::labels(&support::look(&cats))[..2], ["NEG", "POS"]);
}

#[test]
fn numbers_and_dates_are_no_texts() {
    // pandas names a second column of the same name otherwise, others do not
    assert_eq!(
        chosen(&rows("text,text,label", |i| format!(
            "{i},some words {i},{}",
            i % 2
        )))
        .text,
        1
    );
    let kaggle = rows("Sentence #,Word,POS,Tag", |i| {
        format!(
            "{},word{i},NN,{}",
            if i % 4 == 0 {
                format!("Sentence: {i}")
            } else {
                String::new()
            },
            ["O", "B-x"][i % 2]
        )
    });
    assert_eq!(chosen(&kaggle).text, 1);
    // Sentiment140: no header, a long date that comes again beside tweets
    let tweets = (0..20).map(|i| {
        format!("\"{}\",\"{i}\",\"Mon Apr 06 22:19:45 PDT 2009\",\"NO_QUERY\",\"user{i}\",\"a tweet {i}\"\n", i % 2 * 4)
    });
    let found = chosen(&tweets.collect::<String>());
    assert_eq!((found.text, found.label), (5, Some(0)));
}

#[test]
fn a_header_may_have_cells_without_names() {
    // Kaggle's spam.csv, and an index of pandas
    let spam = rows("v1,v2,,,", |i| {
        format!(
            "{},a message with some words {i},,,",
            ["ham", "spam"][i % 2]
        )
    });
    let kaggle = table(&spam);
    assert!(kaggle.source().header && kaggle.len() == 20);
    let found = &kaggle.source().guess;
    assert_eq!((found.text, found.label), (1, Some(0)));
    let index = rows(",v,w", |i| {
        format!("{i},a message with some words {i},{}", i % 2)
    });
    assert!(table(&index).source().header);
    // an empty cell among others is a cell
    let none = rows("1,,a text of some length,x", |i| {
        format!("{i},fire,a text of some length {i},y")
    });
    assert!(!table(&none).source().header);
}

#[test]
fn one_column_a_label_however_the_zeros_and_ones_are_written() {
    for (yes, no) in [
        ("1", "0"),
        ("1.0", "0.0"),
        ("True", "False"),
        ("TRUE", "FALSE"),
    ] {
        let jigsaw = rows("id,comment_text,toxic,severe_toxic,threat", |i| {
            let flag = |holds: bool| if holds { yes } else { no };
            let missing = if i == 7 { "" } else { flag(i % 3 == 0) };
            format!(
                "{i:x},\"a comment, {i}\",{},{missing},{}",
                flag(i % 2 == 0),
                no
            )
        });
        let found = chosen(&jigsaw);
        assert_eq!(
            (found.text, found.label_columns),
            (1, vec![2, 3, 4]),
            "{yes}"
        );
        let looked = support::look_as(&jigsaw, |choice| choice.judged = true);
        assert_eq!(
            support::labels(&looked)[..3],
            ["toxic|severe_toxic", "", "toxic"]
        );
        // a row with a cell missing is named
        let missing = support::findings(&looked);
        assert_eq!(missing[&graftlet_rows::FindingKind::LabelMissing], [9]);
    }
}
