//! The operations of prefix and prompt tuning, as in `gradients.rs`, and the room they need. The adapters are in `kinds.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/tiny.rs"]
mod tiny;

use std::sync::Arc;

use differences::{LAYERS, check_op, rows};
use graftlet::adapter::{Config, FreshParams, PrefixConfig, PromptConfig, PromptPlace};
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::Backbone;
use graftlet::ops::{Activation, beside, columns, insert_rows};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tiny::{Tiny, normals};

#[test]
fn columns_of_a_matrix() {
    let x = normals(&mut ChaCha8Rng::seed_from_u64(61), 21);
    check_op(
        "columns",
        &[(&[3, 7], x)],
        |x| columns(&x[0], 2, 3),
        |x| {
            rows(&x[0], 7)
                .iter()
                .flat_map(|row| row[2..5].to_vec())
                .collect()
        },
    );
}

#[test]
fn columns_side_by_side() {
    let mut rng = ChaCha8Rng::seed_from_u64(65);
    let (a, b) = (normals(&mut rng, 12), normals(&mut rng, 9));
    check_op(
        "beside",
        &[(&[3, 4], a), (&[3, 3], b)],
        |x| beside(&x[0], &x[1]),
        |x| {
            let (a, b) = (rows(&x[0], 4), rows(&x[1], 3));
            a.iter()
                .zip(&b)
                .flat_map(|(a, b)| [a.clone(), b.clone()].concat())
                .collect()
        },
    );
}

#[test]
fn rows_put_into_every_sequence() {
    let starts: Arc<[usize]> = [0, 3, 4, 9].into();
    for at in [0, 1, 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(62);
        let (x, inserted) = (normals(&mut rng, 45), normals(&mut rng, 10));
        check_op(
            &format!("insert-rows at {at}"),
            &[(&[9, 5], x), (&[2, 5], inserted)],
            |x| {
                let (y, moved) = insert_rows(&x[0], &x[1], &starts, at);
                assert_eq!(*moved, [0, 5, 8, 15]);
                y
            },
            |x| {
                let (own, inserted) = (rows(&x[0], 5), rows(&x[1], 5));
                let mut all = Vec::new();
                for bounds in starts.windows(2) {
                    let mut sequence = own[bounds[0]..bounds[1]].to_vec();
                    let at = at.min(sequence.len());
                    sequence.splice(at..at, inserted.clone());
                    all.extend(sequence.concat());
                }
                all
            },
        );
    }
}

fn prefix(projection: Option<(usize, Activation)>, shifts_positions: bool) -> PrefixConfig {
    PrefixConfig {
        length: 3,
        layers: (0..LAYERS).collect(),
        projection,
        shifts_positions,
    }
}

/// Tiny has twelve positions.
#[test]
fn a_text_that_leaves_no_positions_is_refused() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    let text = |tokens: usize| Encoded {
        ids: vec![1; tokens],
        type_ids: vec![0; tokens],
        truncated: false,
    };
    let configs: [(Box<dyn Config>, usize); 4] = [
        (
            Box::new(PromptConfig {
                length: 5,
                place: PromptPlace::Words,
            }),
            7,
        ),
        (
            Box::new(PromptConfig {
                length: 5,
                place: PromptPlace::First,
            }),
            12,
        ),
        (
            Box::new(PrefixConfig {
                length: 5,
                ..prefix(None, true)
            }),
            7,
        ),
        (
            Box::new(PrefixConfig {
                length: 5,
                ..prefix(None, false)
            }),
            12,
        ),
    ];
    for (config, longest) in configs {
        let adapter = config
            .build(bert.shape(), &mut FreshParams::new(1))
            .unwrap();
        let forward = |tokens| bert.forward(&Batch::new([&text(2), &text(tokens)]), &*adapter);
        forward(longest).unwrap();
        let error = forward(longest + 1).unwrap_err();
        assert_eq!(error.code(), "text_too_long", "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("{} tokens", longest + 1)),
            "{error}"
        );
    }
}
