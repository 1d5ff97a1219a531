use crate::tensor::{Buffer, Inputs, Tensor};

/// Vectors shorter than this have no direction.
const SHORTEST: f64 = 1e-12;

/// What is known of pairs of vectors: of `x`: `[2 pairs, width]`, where the two vectors `u` and `v` of a pair follow each
/// other, the features `u`, `v`, `|u - v|`, `u ∘ v` and the cosine of `u` and `v`, end to end: `[pairs, 4 width + 1]`
/// (Reimers and Gurevych 2019 compare them).
///
/// With the slopes `a`, `b`, `c`, `d` and `s` of the features, `du = a + sign(u - v) ∘ c + v ∘ d + s (v / |v| - cos u / |u|) / |u|`,
/// and `dv` likewise with `-sign(u - v)`. Where two elements are equal the slope of their distance is 0. The cosine of a vector
/// without a direction is 0, and so are its slopes.
///
/// # Panics
/// If the number of vectors is odd.
#[must_use]
pub fn pair_features(x: &Tensor) -> Tensor {
    let (vectors, width) = x.dims2();
    assert_eq!(vectors % 2, 0);
    let features = 4 * width + 1;
    let mut y = Buffer::uninitialised(vectors / 2 * features);
    let pairs = x.data().chunks_exact((2 * width).max(1));
    for (pair, y) in pairs.zip(y.chunks_exact_mut(features)) {
        let (u, v) = pair.split_at(width);
        y[..2 * width].copy_from_slice(pair);
        let (distances, rest) = y[2 * width..].split_at_mut(width);
        for ((distance, u), v) in distances.iter_mut().zip(u).zip(v) {
            *distance = (u - v).abs();
        }
        for ((product, u), v) in rest.iter_mut().zip(u).zip(v) {
            *product = u * v;
        }
        #[allow(clippy::cast_possible_truncation)]
        let cosine = Cosine::of(u, v).value as f32;
        rest[width] = cosine;
    }
    Tensor::result(y, &[vectors / 2, features], [x], || {
        let x = x.detach();
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::uninitialised(x.len());
            let pairs = x.data().chunks_exact((2 * width).max(1));
            let all = dx.chunks_exact_mut((2 * width).max(1)).zip(pairs);
            for ((dx, pair), dy) in all.zip(dy.chunks_exact(features)) {
                let (u, v) = pair.split_at(width);
                let (du, dv) = dx.split_at_mut(width);
                let slope = f64::from(dy[4 * width]);
                let cosine = Cosine::of(u, v);
                for i in 0..width {
                    let (distance, product) = (dy[2 * width + i], dy[3 * width + i]);
                    let away = match u[i] - v[i] {
                        0.0 => 0.0,
                        apart => distance * 1f32.copysign(apart),
                    };
                    let (to_u, to_v) = cosine.slopes(u[i], v[i]);
                    #[allow(clippy::cast_possible_truncation)]
                    let (to_u, to_v) = ((slope * to_u) as f32, (slope * to_v) as f32);
                    du[i] = dy[i] + away + v[i] * product + to_u;
                    dv[i] = dy[width + i] - away + u[i] * product + to_v;
                }
            }
            inputs.give(0, dx);
        }
    })
}

/// The cosine of two vectors.
struct Cosine {
    value: f64,
    /// The vectors' lengths; infinite where one has no direction.
    lengths: (f64, f64),
}

impl Cosine {
    fn of(u: &[f32], v: &[f32]) -> Self {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
            products.sum()
        };
        let lengths = (dot(u, u).sqrt(), dot(v, v).sqrt());
        if lengths.0 < SHORTEST || lengths.1 < SHORTEST {
            return Self {
                value: 0.0,
                lengths: (f64::INFINITY, f64::INFINITY),
            };
        }
        Self {
            value: dot(u, v) / (lengths.0 * lengths.1),
            lengths,
        }
    }

    /// Its slopes along an element of each vector.
    fn slopes(&self, u: f32, v: f32) -> (f64, f64) {
        let (of_u, of_v) = self.lengths;
        let (u, v) = (f64::from(u) / of_u, f64::from(v) / of_v);
        ((v - self.value * u) / of_u, (u - self.value * v) / of_v)
    }
}
