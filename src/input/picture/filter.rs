use std::f64::consts::PI;

/// How a picture is resized. The names and numbers are those of Pillow, the Python library for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The pixel that lies in the middle of the new one.
    Nearest,
    /// A windowed sinc of 3 pixels on either side.
    Lanczos,
    /// A triangle of 1 pixel on either side.
    Bilinear,
    /// A cubic of 2 pixels on either side, with `a = -0.5`.
    Bicubic,
    /// The mean of the pixels that the new one covers.
    Box,
    /// A sinc of 1 pixel on either side in Hamming's window.
    Hamming,
}

impl Filter {
    /// The filter of a number, as `resample` of a `preprocessor_config.json` has it. There are six.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Nearest,
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            4 => Self::Box,
            5 => Self::Hamming,
            _ => return None,
        })
    }

    /// The distance from its middle at which the filter ends, in pixels of the picture that is not the smaller one.
    pub(super) fn support(self) -> f64 {
        match self {
            // has no weights, see `nearest`
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight of a pixel at the distance `x` from the filter's middle. The weights of a pixel need not add up to 1.
    pub(super) fn weight(self, x: f64) -> f64 {
        let distance = x.abs();
        match self {
            Self::Nearest => 0.0,
            // of two pixels that are as near, the left one counts
            Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Bilinear if distance < 1.0 => 1.0 - distance,
            Self::Hamming if distance < 1.0 => {
                let [mean, wave] = HAMMING.map(f64::from);
                sinc(distance) * (mean + wave * (PI * distance).cos())
            }
            Self::Bicubic if distance < 1.0 => {
                ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0
            }
            Self::Bicubic if distance < 2.0 => {
                (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A
            }
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

/// The parameters of Hamming's window. Pillow has them in 32 bits, which changes a pixel in some 100,000.
const HAMMING: [f32; 2] = [0.54, 0.46];

/// The parameter of the cubic.
const A: f64 = -0.5;

/// `sin(πx) / πx`, and 1 at 0.
fn sinc(x: f64) -> f64 {
    match x * PI {
        0.0 => 1.0,
        angle => angle.sin() / angle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Filter; 5] = [
        Filter::Lanczos,
        Filter::Bilinear,
        Filter::Bicubic,
        Filter::Box,
        Filter::Hamming,
    ];

    #[test]
    fn a_filter_is_one_in_its_middle_and_zero_past_its_support() {
        for filter in ALL {
            assert!((filter.weight(0.0) - 1.0).abs() < 1e-7, "{filter:?}");
            for past in [1e-9, 0.5, 7.0] {
                let past = filter.support() + past;
                assert!(filter.weight(past).abs() < 1e-15, "{filter:?} {past}");
                assert!(filter.weight(-past).abs() < 1e-15, "{filter:?} -{past}");
            }
        }
    }

    #[test]
    fn known_values() {
        let cases = [
            (Filter::Bilinear, -0.25, 0.75),
            // 1.5 · 0.125 - 2.5 · 0.25 + 1
            (Filter::Bicubic, 0.5, 0.5625),
            // -0.5 · (3.375 - 5 · 2.25 + 8 · 1.5 - 4)
            (Filter::Bicubic, -1.5, -0.0625),
            // (2 / π) · (3 / π)
            (Filter::Lanczos, 0.5, 6.0 / (PI * PI)),
            // (2 / π) · 0.54
            (Filter::Hamming, 0.5, 1.08 / PI),
            (Filter::Box, 0.5, 1.0),
            (Filter::Box, -0.5, 0.0),
        ];
        for (filter, x, expected) in cases {
            let found = filter.weight(x);
            assert!((found - expected).abs() < 1e-7, "{filter:?} {x}: {found}");
        }
    }

    #[test]
    fn there_are_six() {
        let numbers = (0..6).filter_map(Filter::from_number);
        assert_eq!(numbers.collect::<Vec<_>>()[1..], ALL);
        assert_eq!(Filter::from_number(0), Some(Filter::Nearest));
        assert_eq!(Filter::from_number(6), None);
    }
}
