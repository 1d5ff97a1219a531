//! The operations of LoRA's variants: values and gradients, as in `gradients.rs`. The adapters are in `kinds.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/tiny.rs"]
mod tiny;

use differences::check_op;
use graftlet::ops::{add_low_rank, divide, dropout, scale_columns};
use graftlet::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::Vector;
use tiny::normals;

#[test]
fn columns_scaled_and_divided() {
    let mut rng = ChaCha8Rng::seed_from_u64(51);
    let (x, v) = (normals(&mut rng, 21), normals(&mut rng, 7));
    check_op(
        "scale-columns",
        &[(&[3, 7], x), (&[7], v.clone())],
        |x| scale_columns(&x[0], &x[1]),
        |x| {
            let rows = x[0].chunks(7);
            rows.flat_map(|row| row.iter().zip(&x[1]).map(|(x, v)| x * v))
                .collect()
        },
    );
    let c: Vec<f32> = normals(&mut rng, 7).iter().map(|c| c.abs() + 0.5).collect();
    let constant = Tensor::new(c.clone(), &[7]);
    check_op(
        "divide",
        &[(&[7], v)],
        |x| divide(&x[0], &constant),
        |x| {
            let pairs = x[0].iter().zip(&c);
            pairs.map(|(v, &c)| v / f64::from(c)).collect()
        },
    );
}

#[test]
fn a_low_rank_update() {
    let mut rng = ChaCha8Rng::seed_from_u64(52);
    for rank in [1, 3, 8] {
        let (input, output, tokens) = (11, 9, 6);
        let sizes: [[usize; 2]; 4] = [
            [tokens, output],
            [tokens, input],
            [rank, input],
            [output, rank],
        ];
        let data = sizes.map(|[rows, width]| normals(&mut rng, rows * width));
        let variables: Vec<(&[usize], Vec<f32>)> =
            sizes.iter().map(|size| &size[..]).zip(data).collect();
        check_op(
            "low-rank update",
            &variables,
            |x| add_low_rank(x[0].clone(), &x[1], &x[2], &x[3], 0.75),
            |x| {
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let mut y = x[0].clone();
                for (x1, y) in x[1].chunks(input).zip(y.chunks_mut(output)) {
                    let h: Vector = x[2].chunks(input).map(|a| dot(x1, a)).collect();
                    let update = x[3].chunks(rank).map(|b| 0.75 * dot(&h, b));
                    y.iter_mut()
                        .zip(update)
                        .for_each(|(y, update)| *y += update);
                }
                y
            },
        );
    }
}

#[test]
fn dropout_keeps_the_expectation_and_repeats() {
    let x = Tensor::new(vec![1.0; 4096], &[64, 64]);
    let y = dropout(&x, 0.25, [(7, x.dims2().0)]);
    let kept = y.data().iter().filter(|&&y| y > 0.0).count();
    assert!((2900..3250).contains(&kept), "{kept} of 4096 kept");
    assert!(
        y.data()
            .iter()
            .all(|&y| y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-6)
    );
    assert_eq!(y.data(), dropout(&x, 0.25, [(7, x.dims2().0)]).data());
    assert_ne!(y.data(), dropout(&x, 0.25, [(8, x.dims2().0)]).data());
    // which elements stay does not depend on x, so the formula can take them from here
    let factors: Vector = dropout(&Tensor::new(vec![1.0; 20], &[4, 5]), 0.4, [(3, 4)])
        .data()
        .iter()
        .map(|&f| f64::from(f))
        .collect();
    check_op(
        "dropout",
        &[(&[4, 5], normals(&mut ChaCha8Rng::seed_from_u64(52), 20))],
        |x| dropout(&x[0], 0.4, [(3, 4)]),
        |x| x[0].iter().zip(&factors).map(|(x, f)| x * f).collect(),
    );
}
