//! Attention against a naive f64 implementation and its slopes.

use super::*;
use crate::testing::{Random, assert_close, assert_same_bits, doubles_of, slopes};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Distances beyond this have the bias of this one.
const FARTHEST: usize = 3;

/// A number for each head and distance.
fn bias(head: usize, distance: isize) -> f32 {
    let farthest = FARTHEST.cast_signed();
    let distance = distance.clamp(-farthest, farthest);
    (1.7 * distance as f32 + head as f32).sin()
}

/// The same shape with what depends on places: a bias, windows, a causal mask.
fn placed<'a>(shape: AttentionShape<'a>, bias: &'a RelativeBias) -> Vec<AttentionShape<'a>> {
    let (all, some) = (Reach::ALL, Some(bias));
    let lopsided = Reach {
        before: 1,
        after: 2,
    };
    let cases = [
        (all, some),
        (Reach::CAUSAL, None),
        (Reach::window(0), None),
        (lopsided, some),
    ];
    cases
        .map(|(reach, bias)| AttentionShape {
            reach,
            bias,
            ..shape
        })
        .to_vec()
}

/// The definition, in f64.
fn reference(q: &[f64], k: &[f64], v: &[f64], shape: AttentionShape<'_>) -> Vec<f64> {
    let (width, dim) = (shape.heads * shape.head_dim, shape.head_dim);
    let mut out = vec![0.0; q.len()];
    for s in shape.starts.windows(2) {
        let keys: Vec<usize> = (0..shape.prefix)
            .chain((s[0]..s[1]).map(|token| shape.prefix + token))
            .collect();
        for query in s[0]..s[1] {
            for head in 0..shape.heads {
                let columns = head * dim..(head + 1) * dim;
                let q = &q[query * width..][columns.clone()];
                let score = |&key: &usize| {
                    let k = &k[key * width..][columns.clone()];
                    let product = q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>();
                    let product = product / (dim as f64).sqrt();
                    let Some(key) = key.checked_sub(shape.prefix) else {
                        return product;
                    };
                    let distance = key as isize - query as isize;
                    let seen = distance <= shape.reach.after.min(1 << 30) as isize
                        && -distance <= shape.reach.before.min(1 << 30) as isize;
                    match shape.bias {
                        _ if !seen => f64::NEG_INFINITY,
                        Some(_) => product + f64::from(bias(head, distance)),
                        None => product,
                    }
                };
                let scores: Vec<f64> = keys.iter().map(score).collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
                for (key, score) in keys.iter().zip(scores) {
                    let p = (score - largest).exp() / sum;
                    for column in columns.clone() {
                        out[query * width + column] += p * v[key * width + column];
                    }
                }
            }
        }
    }
    out
}

/// `[q, k, v, d_out]` of uniform elements.
fn inputs(random: &mut Random, shape: AttentionShape<'_>, size: f32) -> [Vec<f32>; 4] {
    let (queries, keys) = (
        shape.tokens() * shape.width(),
        (shape.prefix + shape.tokens()) * shape.width(),
    );
    [
        random.vec(queries, size),
        random.vec(keys, size),
        random.vec(keys, 1.0),
        random.vec(queries, 1.0),
    ]
}

fn forward(variant: Variant, [q, k, v, _]: &[Vec<f32>; 4], shape: AttentionShape<'_>) -> Vec<f32> {
    let mut out = vec![f32::NAN; q.len()];
    attention(variant, q, k, v, shape, &mut out);
    out
}

fn backward(
    variant: Variant,
    [q, k, v, d]: &[Vec<f32>; 4],
    shape: AttentionShape<'_>,
) -> [Vec<f32>; 3] {
    let (mut dq, mut dk, mut dv) = (
        vec![f32::NAN; q.len()],
        vec![f32::NAN; k.len()],
        vec![f32::NAN; v.len()],
    );
    attention_backward(variant, q, k, v, d, shape, &mut dq, &mut dk, &mut dv);
    [dq, dk, dv]
}

fn starts(lens: &[usize]) -> Vec<usize> {
    let mut starts = vec![0];
    for len in lens {
        starts.push(starts[starts.len() - 1] + len);
    }
    starts
}

fn check_forward(
    random: &mut Random,
    heads: usize,
    head_dim: usize,
    lens: &[usize],
    prefix: usize,
    size: f32,
) {
    let starts = starts(lens);
    let shape = AttentionShape {
        heads,
        head_dim,
        starts: &starts,
        queries: None,
        prefix,
        reach: Reach::ALL,
        bias: None,
    };
    let inputs = inputs(random, shape, size);
    let [q, k, v] = [0, 1, 2].map(|i| doubles_of(&inputs[i]));
    let expected = reference(&q, &k, &v, shape);
    // A score of size s is rounded at s times the unit in the last place, which is the error of its
    // logarithm.
    let scores = f64::from(size * size) * (head_dim as f64).sqrt();
    for variant in Variant::available() {
        assert_close(
            &forward(variant, &inputs, shape),
            &expected,
            1e-6 * (1.0 + scores),
        );
    }
    let bias = RelativeBias::new(heads, FARTHEST, bias);
    for shape in placed(shape, &bias) {
        let expected = reference(&q, &k, &v, shape);
        for variant in Variant::available() {
            let got = forward(variant, &inputs, shape);
            assert_close(&got, &expected, 1e-6 * (2.0 + scores));
        }
    }
}

fn check_backward(
    random: &mut Random,
    heads: usize,
    head_dim: usize,
    lens: &[usize],
    prefix: usize,
) {
    let starts = starts(lens);
    let shape = AttentionShape {
        heads,
        head_dim,
        starts: &starts,
        queries: None,
        prefix,
        reach: Reach::ALL,
        bias: None,
    };
    let inputs = inputs(random, shape, 1.5);
    let [q, k, v] = [0, 1, 2].map(|i| doubles_of(&inputs[i]));
    let bias = RelativeBias::new(heads, FARTHEST, bias);
    for shape in placed(shape, &bias).into_iter().chain([shape]) {
        let expected = [
            slopes(&q, &inputs[3], |q| reference(q, &k, &v, shape)),
            slopes(&k, &inputs[3], |k| reference(&q, k, &v, shape)),
            slopes(&v, &inputs[3], |v| reference(&q, &k, v, shape)),
        ];
        for variant in Variant::available() {
            for (got, expected) in backward(variant, &inputs, shape).iter().zip(&expected) {
                assert_close(got, expected, 1e-5);
            }
        }
    }
}

#[test]
fn forward_agrees_with_f64() {
    let mut random = Random::new(40);
    for len in [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 31, 33, 64] {
        check_forward(&mut random, 2, 8, &[len], 0, 1.0);
        check_forward(&mut random, 1, 5, &[len], 3, 1.0);
    }
    for head_dim in [1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 64] {
        check_forward(&mut random, 3, head_dim, &[4, 1, 11], 0, 1.0);
        check_forward(&mut random, 3, head_dim, &[1, 9, 2, 1], 5, 2.0);
    }
    check_forward(&mut random, 12, 32, &[128, 1, 17], 0, 1.0);
    check_forward(&mut random, 2, 32, &[0, 3, 0, 8, 0], 10, 1.0);
}

#[test]
fn scores_of_ten_thousand_are_stable() {
    let starts = [0, 5, 6];
    let shape = AttentionShape {
        heads: 2,
        head_dim: 4,
        starts: &starts,
        queries: None,
        prefix: 1,
        reach: Reach::ALL,
        bias: None,
    };
    let mut inputs = inputs(&mut Random::new(41), shape, 1.0);
    inputs[0].fill(100.0);
    for (row, k) in inputs[1].chunks_mut(8).enumerate() {
        k.fill([50.0, -50.0, 49.0][row % 3]);
    }
    let [q, k, v] = [0, 1, 2].map(|i| doubles_of(&inputs[i]));
    let expected = reference(&q, &k, &v, shape);
    for variant in Variant::available() {
        assert_close(&forward(variant, &inputs, shape), &expected, 1e-6);
        assert!(
            backward(variant, &inputs, shape)
                .iter()
                .flatten()
                .all(|d| d.is_finite())
        );
    }
}

#[test]
fn backward_is_the_slope_of_the_reference() {
    let mut random = Random::new(42);
    for (heads, head_dim, lens, prefix) in [
        (1, 1, &[1][..], 0),
        (1, 4, &[5], 0),
        (2, 8, &[1, 9], 0),
        (3, 5, &[3, 1, 4], 2),
        (1, 9, &[8, 0, 2], 1),
        (2, 3, &[17], 9),
        (1, 32, &[6, 3], 0),
    ] {
        check_backward(&mut random, heads, head_dim, lens, prefix);
    }
}

#[cfg(not(target_arch = "wasm32"))]
proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    #[test]
    fn any_shape(
        heads in 1usize..4,
        head_dim in 1usize..12,
        lens in proptest::collection::vec(0usize..14, 0..4),
        prefix in 0usize..6,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        check_forward(&mut random, heads, head_dim, &lens, prefix, 1.5);
        check_backward(&mut random, heads.min(2), head_dim.min(6), &lens, prefix);
    }
}

#[test]
fn a_sequence_does_not_depend_on_its_neighbours() {
    // Enough work for threads.
    let starts = starts(&[40, 1, 77, 8, 33, 60]);
    let whole = AttentionShape {
        heads: 4,
        head_dim: 32,
        starts: &starts,
        queries: None,
        prefix: 3,
        reach: Reach::ALL,
        bias: None,
    };
    let width = whole.width();
    let inputs = inputs(&mut Random::new(43), whole, 1.0);
    for variant in Variant::available() {
        let out = forward(variant, &inputs, whole);
        let [dq, dk, dv] = backward(variant, &inputs, whole);
        for s in starts.windows(2) {
            let queries = s[0] * width..s[1] * width;
            let keys = (3 + s[0]) * width..(3 + s[1]) * width;
            let own = |x: &[f32]| [&x[..3 * width], &x[keys.clone()]].concat();
            let [q, k, v, d] = &inputs;
            let alone = [
                q[queries.clone()].to_vec(),
                own(k),
                own(v),
                d[queries.clone()].to_vec(),
            ];
            let shape = AttentionShape {
                starts: &[0, s[1] - s[0]],
                ..whole
            };
            assert_same_bits(&forward(variant, &alone, shape), &out[queries.clone()]);
            let [dq_alone, dk_alone, dv_alone] = backward(variant, &alone, shape);
            assert_same_bits(&dq_alone, &dq[queries]);
            assert_same_bits(&dk_alone[3 * width..], &dk[keys.clone()]);
            assert_same_bits(&dv_alone[3 * width..], &dv[keys]);
        }
    }
}

#[test]
fn no_tokens_leave_no_gradient() {
    let shape = AttentionShape {
        heads: 2,
        head_dim: 3,
        starts: &[0],
        queries: None,
        prefix: 2,
        reach: Reach::ALL,
        bias: None,
    };
    let inputs = [vec![], vec![1.0; 12], vec![1.0; 12], vec![]];
    for variant in Variant::available() {
        assert!(forward(variant, &inputs, shape).is_empty());
        assert_eq!(
            backward(variant, &inputs, shape)[1..],
            [vec![0.0; 12], vec![0.0; 12]]
        );
    }
}

/// Any part of a sequence's queries has the bits that it has among all of them.
#[test]
fn some_queries_have_the_bits_of_all() {
    let mut random = Random::new(44);
    let lens = [37, 0, 5, 64, 1];
    let starts = starts(&lens);
    let whole = AttentionShape {
        heads: 3,
        head_dim: 10,
        starts: &starts,
        queries: None,
        prefix: 2,
        reach: Reach::ALL,
        bias: None,
    };
    let width = whole.width();
    let bias = RelativeBias::new(3, FARTHEST, bias);
    let inputs = inputs(&mut random, whole, 1.0);
    let [q, k, v, d] = &inputs;
    let cuts: [&[std::ops::Range<usize>]; 5] = [
        &[0..37, 0..0, 0..5, 0..64, 0..1],
        &[0..9, 0..0, 0..5, 0..0, 0..0],
        &[9..37, 0..0, 5..5, 0..33, 1..1],
        &[36..37, 0..0, 2..3, 63..64, 0..1],
        &[0..0, 0..0, 0..0, 0..0, 0..0],
    ];
    for shape in placed(whole, &bias).into_iter().chain([whole]) {
        for variant in Variant::available() {
            let out = forward(variant, &inputs, shape);
            for queries in cuts {
                let own = |x: &[f32]| -> Vec<f32> {
                    let sequences = queries.iter().zip(&starts);
                    sequences
                        .flat_map(|(own, start)| {
                            x[(start + own.start) * width..(start + own.end) * width].to_vec()
                        })
                        .collect()
                };
                let some = [own(q), k.clone(), v.clone(), own(d)];
                let queries = Some(queries);
                let shape = AttentionShape { queries, ..shape };
                assert_same_bits(&forward(variant, &some, shape), &own(&out));
            }
        }
    }
}
