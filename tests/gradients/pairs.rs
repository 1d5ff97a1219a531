//! Features of pairs of vectors.

use graftlet::ops::pair_features;
use graftlet::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::differences::{check_op, rows};
use super::reference::{Vector, dot};
use super::tiny::normals;

fn formula(x: &[Vector], width: usize) -> Vector {
    let vectors = rows(&x[0], width);
    let of_pair = |pair: &[Vector]| {
        let (u, v) = (&pair[0], &pair[1]);
        let each = |f: fn(f64, f64) -> f64| u.iter().zip(v).map(move |(&u, &v)| f(u, v));
        let cosine = dot(u, v) / (dot(u, u).sqrt() * dot(v, v).sqrt());
        let mut features: Vector = u.iter().chain(v).copied().collect();
        features.extend(each(|u, v| (u - v).abs()));
        features.extend(each(|u, v| u * v));
        features.push(cosine);
        features
    };
    vectors.chunks_exact(2).flat_map(of_pair).collect()
}

#[test]
fn features_of_pairs() {
    let mut rng = ChaCha8Rng::seed_from_u64(61);
    for (pairs, width) in [(1, 1), (1, 7), (3, 5), (2, 33)] {
        check_op(
            &format!("pair-features of {pairs} pairs, width {width}"),
            &[(&[2 * pairs, width], normals(&mut rng, 2 * pairs * width))],
            |x| pair_features(&x[0]),
            |x| formula(x, width),
        );
    }
    // Very long and very short vectors have directions too.
    let mut far = normals(&mut rng, 12);
    far[..6].iter_mut().for_each(|x| *x *= 1e3);
    check_op(
        "pair-features of vectors of other lengths",
        &[(&[2, 6], far)],
        |x| pair_features(&x[0]),
        |x| formula(x, 6),
    );
}

/// Where a feature has no slope, its part of the gradient is 0.
#[test]
fn features_of_equal_vectors_and_of_zeros() {
    let gradient = |values: [f32; 6], feature: usize| {
        let x = Tensor::variable(values.to_vec(), &[2, 3]);
        let y = pair_features(&x);
        assert!(y.data().iter().all(|y| y.is_finite()));
        let mut slopes = vec![0.0; 13];
        slopes[feature] = 1.0;
        let gradients = y.backward_from(&slopes);
        gradients.get(&x).unwrap().to_vec()
    };
    let equal = [1.0, -2.0, 0.5, 1.0, -2.0, 0.5];
    assert_eq!(gradient(equal, 7), [0.0; 6]);
    // The cosine of equal vectors is the largest there is.
    let slopes = gradient(equal, 12);
    assert!(slopes.iter().all(|x| x.abs() < 1e-7), "{slopes:?}");
    let zero = [0.0, 0.0, 0.0, 1.0, 2.0, 3.0];
    assert_eq!(gradient(zero, 12), [0.0; 6]);
    assert_eq!(gradient([0.0; 6], 12), [0.0; 6]);
    // A value that is no number is not hidden.
    let y = pair_features(&Tensor::new(vec![f32::NAN, 1.0, 1.0, 1.0], &[2, 2]));
    assert!(y.data()[8].is_nan());
}
