use super::field;
use crate::params::{Parameter, Site};

/// The unit in which a head learns numbers: the rows' standard deviation, from their mean on. So the
/// same learning rate fits stars and millimetres. Labels have none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    mean: f64,
    deviation: f64,
}

impl Default for Unit {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl Unit {
    /// Numbers as they are.
    pub const PLAIN: Self = Self {
        mean: 0.0,
        deviation: 1.0,
    };

    /// That of numbers; the plain unit where they are all the same.
    pub(super) fn of(numbers: impl ExactSizeIterator<Item = f64> + Clone) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let count = numbers.len().max(1) as f64;
        let mean = numbers.clone().sum::<f64>() / count;
        let squares = numbers.map(|x| (x - mean) * (x - mean));
        let deviation = (squares.sum::<f64>() / count).sqrt();
        Self {
            mean,
            deviation: if deviation > 0.0 { deviation } else { 1.0 },
        }
    }

    /// A number in this unit.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn scaled(&self, number: f32) -> f32 {
        ((f64::from(number) - self.mean) / self.deviation) as f32
    }

    /// Answers of the unit of the rows, in this unit.
    pub(crate) fn scale(&self, answers: &mut [f32]) {
        if (self.mean, self.deviation) != (0.0, 1.0) {
            answers.iter_mut().for_each(|x| *x = self.scaled(*x));
        }
    }

    /// Answers in the unit of the rows.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn unscale(&self, answers: &mut [f32]) {
        if (self.mean, self.deviation) != (0.0, 1.0) {
            let unscaled = |x: &mut f32| *x = (f64::from(*x) * self.deviation + self.mean) as f32;
            answers.iter_mut().for_each(unscaled);
        }
    }

    /// A squared error in this unit.
    pub(crate) fn scaled_loss(&self, loss: f64) -> f64 {
        loss / (self.deviation * self.deviation)
    }

    /// Makes a head that answers in the rows' unit one that answers in this.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn unfold(&self, parameters: &mut [Parameter]) {
        let scaled = |mean: f64| {
            let deviation = self.deviation;
            move |x: &mut f32| *x = ((f64::from(*x) - mean) / deviation) as f32
        };
        for parameter in parameters.iter_mut().filter(|p| p.name.site == Site::Head) {
            let mean = match parameter.name.field {
                field::OUT => 0.0,
                field::OUT_BIAS => self.mean,
                _ => continue,
            };
            parameter
                .tensor
                .update(|values| values.iter_mut().for_each(scaled(mean)));
        }
    }

    /// Makes a head that answers in this unit one that answers in the rows'.
    #[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
    pub(crate) fn fold(&self, parameters: &mut [Parameter]) {
        let deviation = self.deviation as f32;
        for parameter in parameters.iter_mut().filter(|p| p.name.site == Site::Head) {
            match parameter.name.field {
                field::OUT => {
                    let widen = |x: &mut f32| *x *= deviation;
                    parameter
                        .tensor
                        .update(|values| values.iter_mut().for_each(widen));
                }
                field::OUT_BIAS => parameter.tensor.update(|values| self.unscale(values)),
                _ => {}
            }
        }
    }
}
