use super::super::testing::{Random, SIZES, assert_close, assert_same_bits, doubles_of, slopes};
use super::*;
use crate::{PackedF32, linear_f32_backward, quantize_rows_int8};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

struct Layer {
    x: Vec<f32>,
    dy: Vec<f32>,
    w: Vec<i8>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    packed: [PackedInt8; 2],
}

/// In every layout.
fn pack(w: &[i8], scales: &[f32], out: usize, in_: usize) -> [PackedInt8; 2] {
    Layout::ALL.map(|layout| PackedInt8::pack_as(layout, w, scales, out, in_))
}

/// Every variant with every layout.
fn ways(packed: &[PackedInt8; 2]) -> impl Iterator<Item = (Variant, &PackedInt8)> {
    Variant::available().flat_map(move |variant| packed.iter().map(move |packed| (variant, packed)))
}

fn layer(random: &mut Random, rows: usize, in_: usize, out: usize) -> Layer {
    let (w, scales) = (random.int8(out * in_), random.vec(out, 1e-2));
    Layer {
        x: random.nasty(rows * in_),
        dy: random.nasty(rows * out),
        bias: random.vec(out, 3.0),
        packed: pack(&w, &scales, out, in_),
        w,
        scales,
    }
}

/// The definition, one element at a time.
fn reference(l: &Layer, bias: bool) -> Vec<f32> {
    let in_ = l.packed[0].in_features();
    let mut y = Vec::new();
    for x in l.x.chunks_exact(in_) {
        let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let zero = largest < 1e-30;
        let q = |x: f32| {
            (x * (2047.0 / largest))
                .round_ties_even()
                .clamp(-2047.0, 2047.0) as i64
        };
        let a_scale = if zero { 0.0 } else { largest / 2047.0 };
        for (o, w) in l.w.chunks_exact(in_).enumerate() {
            let sum: i64 = x
                .iter()
                .zip(w)
                .map(|(&x, &w)| if zero { 0 } else { q(x) * i64::from(w) })
                .sum();
            let product = (sum as f32 * a_scale) * l.scales[o];
            y.push(product + if bias { l.bias[o] } else { 0.0 });
        }
    }
    y
}

fn check(random: &mut Random, rows: usize, in_: usize, out: usize) {
    let mut l = layer(random, rows, in_, out);
    if rows > 2 {
        l.x[in_..2 * in_].fill(-0.0);
    }
    let dequantized = PackedF32::pack(&l.packed[0].unpack_dequantized(), out, in_);
    for (variant, packed) in ways(&l.packed) {
        let mut y = vec![f32::NAN; rows * out];
        linear_int8(variant, &l.x, packed, Some(&l.bias), &mut y);
        assert_same_bits(&y, &reference(&l, true));
        linear_int8(variant, &l.x, packed, None, &mut y);
        assert_same_bits(&y, &reference(&l, false));
        // Both backwards run the same tile over the same numbers.
        let (mut dx, mut expected) = (vec![f32::NAN; rows * in_], vec![f32::NAN; rows * in_]);
        linear_int8_backward(variant, &l.dy, packed, &mut dx);
        linear_f32_backward(variant, &l.dy, &dequantized, &mut expected);
        assert_same_bits(&dx, &expected);
    }
}

#[test]
fn every_variant_gives_the_bits_of_the_definition() {
    let mut random = Random::new(30);
    for n in SIZES {
        for m in SIZES {
            check(&mut random, 5, n, m);
            check(&mut random, n, m, 9);
            check(&mut random, n, 7, m);
        }
    }
    check(&mut random, 13, 1536, 40);
    check(&mut random, 700, 384, 11);
    for rows in [63, 64, 65, 67, 72, 73, 128] {
        check(&mut random, rows, 33, 41);
        check(&mut random, rows, 64, 16);
    }
}

#[cfg(not(target_arch = "wasm32"))]
proptest::proptest! {
    #[test]
    fn any_shape(rows in 0usize..100, in_ in 1usize..90, out in 1usize..90, seed: u64) {
        check(&mut Random::new(seed), rows, in_, out);
    }
}

#[test]
fn extreme_sums_stay_exact() {
    let in_ = PackedInt8::MAX_IN;
    let packed = pack(&vec![-128; 8 * in_], &[1.0; 8], 8, in_);
    for (variant, packed) in ways(&packed) {
        for x in [1.0, -1.0] {
            let mut y = [f32::NAN; 8];
            linear_int8(variant, &vec![x; in_], packed, None, &mut y);
            let expected = (-x * (in_ * 128 * 2047) as f32) * (1.0 / 2047.0);
            assert_same_bits(&y, &[expected; 8]);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    // Enough work for threads.
    let (rows, in_, out) = (203, 131, 67);
    let l = layer(&mut Random::new(31), rows, in_, out);
    for (variant, packed) in ways(&l.packed) {
        let mut y = vec![f32::NAN; rows * out];
        linear_int8(variant, &l.x, packed, Some(&l.bias), &mut y);
        for row in 0..rows {
            let mut one = vec![f32::NAN; out];
            linear_int8(
                variant,
                &l.x[row * in_..][..in_],
                packed,
                Some(&l.bias),
                &mut one,
            );
            assert_same_bits(&one, &y[row * out..][..out]);
        }
    }
}

#[test]
fn close_to_the_f32_layer_it_stands_for() {
    let (rows, in_, out) = (17, 384, 48);
    let mut random = Random::new(32);
    let (x, w) = (random.vec(rows * in_, 1.0), random.vec(out * in_, 0.1));
    let (integers, scales) = quantize_rows_int8(&w, out, in_);
    let packed = PackedInt8::pack(&integers, &scales, out, in_);
    let mut expected = Vec::new();
    for x in x.chunks(in_) {
        let dot = |w: &[f32]| {
            x.iter()
                .zip(w)
                .map(|(&x, &w)| f64::from(x) * f64::from(w))
                .sum::<f64>()
        };
        expected.extend(w.chunks(in_).map(dot));
    }
    let mut y = vec![f32::NAN; rows * out];
    linear_int8(Variant::best(), &x, &packed, None, &mut y);
    // Half a step of the weights, 0.05 / 127, adds up as a random walk over 384 terms of about
    // 0.6.
    assert_close(&y, &expected, 1e-2);
}

#[test]
fn backward_is_the_slope_of_the_dequantised_layer() {
    let mut random = Random::new(33);
    for (rows, in_, out) in [(1, 1, 1), (3, 7, 9), (5, 12, 8), (2, 33, 13)] {
        let l = layer(&mut random, rows, in_, out);
        let dy = random.vec(rows * out, 1.0);
        let w = doubles_of(&l.packed[0].unpack_dequantized());
        let linear = |x: &[f64]| {
            let mut y = Vec::new();
            for x in x.chunks(in_) {
                y.extend(
                    w.chunks(in_)
                        .map(|w| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>()),
                );
            }
            y
        };
        let expected = slopes(&vec![0.5; rows * in_], &dy, linear);
        for (variant, packed) in ways(&l.packed) {
            let mut dx = vec![f32::NAN; rows * in_];
            linear_int8_backward(variant, &dy, packed, &mut dx);
            assert_close(&dx, &expected, 1e-5);
        }
    }
}

#[test]
fn a_row_that_is_not_finite_becomes_nan_alone() {
    let (rows, in_, out) = (9, 5, 11);
    let mut l = layer(&mut Random::new(34), rows, in_, out);
    l.x[4 * in_ + 2] = f32::INFINITY;
    l.x[6 * in_] = f32::NAN;
    for (variant, packed) in ways(&l.packed) {
        let mut y = vec![0.0; rows * out];
        linear_int8(variant, &l.x, packed, None, &mut y);
        for (row, y) in y.chunks(out).enumerate() {
            assert!(y.iter().all(|y| y.is_nan() == (row == 4 || row == 6)));
        }
    }
}
