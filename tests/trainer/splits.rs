//! The rows that are held out.

use graftlet::train::{Dataset, Row, Settings};

use super::tiny::WORDS;
use super::{dataset, label_of, row, tiny_int8};

#[test]
fn a_split_is_stratified_and_repeatable() {
    let engine = tiny_int8();
    let rows: Vec<Row> = (0..50)
        .map(|index| {
            row(
                WORDS[index % WORDS.len()],
                if index < 3 { "rare" } else { "common" },
            )
        })
        .collect();
    let split = |seed: u64| dataset(&engine, &rows).split(0.2, seed);
    let (kept, held) = split(1);
    assert_eq!((kept.len(), held.len()), (40, 10));
    let of = |data: &Dataset, label: usize| {
        (0..data.len())
            .filter(|&row| label_of(data, row) == label)
            .count()
    };
    // common comes first in the alphabet: 47 and 3 rows, of which a fifth is 9 and 1
    assert_eq!((of(&held, 0), of(&held, 1)), (9, 1));
    assert_eq!(split(1).1, held);
    assert_ne!(split(2).1, held);
    // whatever the share, a class keeps a row to learn from and gives one to be judged on
    for share in [0.0, 1.0] {
        let (kept, held) = dataset(&engine, &rows).split(share, 1);
        for label in 0..2 {
            assert!(
                of(&kept, label) >= 1 && of(&held, label) >= 1,
                "share {share}"
            );
        }
    }
}

#[test]
fn the_last_rows_are_held_out_where_so_many_are_asked_for() {
    let engine = tiny_int8();
    let rows: Vec<Row> = (0..12)
        .map(|index| row(WORDS[index % WORDS.len()], ["a", "b"][index % 2]))
        .collect();
    let data = dataset(&engine, &rows);
    let split = |count| {
        let mut settings = Settings {
            dev_rows: Some(count),
            ..Settings::default()
        };
        settings.split(data.clone())
    };
    for count in [1, 5, 11] {
        let (kept, held) = split(count).unwrap();
        let numbers = |data: &Dataset| -> Vec<usize> {
            (0..data.len()).map(|row| data.number(row)).collect()
        };
        assert_eq!(numbers(&kept), (0..12 - count).collect::<Vec<_>>());
        assert_eq!(numbers(&held), (12 - count..12).collect::<Vec<_>>());
    }
    for count in [0, 12] {
        let error = split(count).unwrap_err();
        assert_eq!(error.code(), "option_invalid");
        let sentence = error.to_string();
        assert!(
            sentence.contains(&format!("dev_rows is {count}")),
            "{sentence}"
        );
        assert!(sentence.contains("between 1 and 11"), "{sentence}");
    }
}
