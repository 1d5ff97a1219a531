use super::logistic_loss;
use crate::tensor::{Buffer, Inputs, Tensor};

/// What the logits of a row say together, for [`distillation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// One of the labels.
    Choice,
    /// Each label holds or does not.
    Each,
    /// Numbers.
    Numbers,
}

/// What a row of logits should still say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taught<'a> {
    /// The teacher's logits, of the first labels.
    pub teacher: &'a [f32],
    /// Weight of the row in the mean.
    pub weight: f32,
}

/// Weighted mean of how far logits `[rows, labels]` are from a teacher's, a scalar; 0 if there are no rows. The teacher
/// may know fewer labels than there are: it speaks of the first ones, and the others are not looked at.
///
/// - [`Said::Choice`]: `T² KL(softmax(t / T) ‖ softmax(z / T))` (Hinton et al. 2015).
/// - [`Said::Each`]: the mean over the labels of `T² KL` of the two sigmoids.
/// - [`Said::Numbers`]: the mean over the numbers of `(z - t)²`.
///
/// `dz` is, by row: `w T (softmax(z / T) - softmax(t / T)) / Σ w`, the same with sigmoids over the labels, and
/// `2 w (z - t) / Σ w` over the numbers.
///
/// # Panics
/// If there is not one teacher a row, or it knows no label or more than there are.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub fn distillation(logits: &Tensor, said: Said, temperature: f64, rows: &[Taught<'_>]) -> Tensor {
    let (count, width) = logits.dims2();
    assert_eq!(count, rows.len());
    let weights: f64 = rows.iter().map(|row| f64::from(row.weight)).sum();
    let weights = if weights > 0.0 { weights } else { 1.0 };
    let mut slopes = Buffer::zeros(count * width);
    let mut loss = 0.0;
    let own = slopes.chunks_exact_mut(width).zip(logits.rows());
    for ((slopes, z), row) in own.zip(rows) {
        let known = row.teacher.len();
        assert!((1..=width).contains(&known));
        let mut of_row = vec![0.0; known];
        let share = f64::from(row.weight) / weights;
        loss += share * row_loss(&z[..known], row.teacher, said, temperature, &mut of_row);
        for (to, slope) in slopes.iter_mut().zip(of_row) {
            *to = (share * slope) as f32;
        }
    }
    Tensor::result(vec![loss as f32].into(), &[], [logits], || {
        let slopes = Tensor::new(slopes, &[count, width]);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dz = Buffer::copy_of(slopes.data());
            dz.iter_mut().for_each(|dz| *dz *= dy[0]);
            inputs.give(0, dz);
        }
    })
}

/// The loss of a row, and its slope along each logit.
#[allow(clippy::cast_precision_loss)]
fn row_loss(z: &[f32], teacher: &[f32], said: Said, temperature: f64, slopes: &mut [f64]) -> f64 {
    let labels = z.len() as f64;
    let scaled = |logits: &[f32]| -> Vec<f64> {
        let over = logits.iter().map(|&x| f64::from(x) / temperature);
        over.collect()
    };
    let mut loss = 0.0;
    match said {
        Said::Choice => {
            let (own, wanted) = (log_softmax(scaled(z)), log_softmax(scaled(teacher)));
            for ((slope, own), wanted) in slopes.iter_mut().zip(own).zip(wanted) {
                let p = wanted.exp();
                loss += temperature * temperature * p * (wanted - own);
                *slope = temperature * (own.exp() - p);
            }
        }
        Said::Each => {
            for ((slope, own), wanted) in slopes.iter_mut().zip(scaled(z)).zip(scaled(teacher)) {
                let p = sigmoid(wanted);
                let divergence = logistic_loss(own, p) - logistic_loss(wanted, p);
                loss += temperature * temperature * divergence / labels;
                *slope = temperature * (sigmoid(own) - p) / labels;
            }
        }
        Said::Numbers => {
            for ((slope, &own), &wanted) in slopes.iter_mut().zip(z).zip(teacher) {
                let off = f64::from(own) - f64::from(wanted);
                loss += off * off / labels;
                *slope = 2.0 * off / labels;
            }
        }
    }
    loss
}

fn log_softmax(mut z: Vec<f64>) -> Vec<f64> {
    let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|z| (z - most).exp()).sum();
    z.iter_mut().for_each(|z| *z -= most + sum.ln());
    z
}

fn sigmoid(z: f64) -> f64 {
    let small = (-z.abs()).exp();
    let top = if z < 0.0 { small } else { 1.0 };
    top / (1.0 + small)
}
