//! Resizing as Pillow does it, bit for bit, so that a model sees the pixels that it was trained on.
//!
//! This is what all versions before 13 do. Version 13 resizes columns first if the height shrinks much more than the
//! width, and then some bytes differ, by 1 with the bilinear filter and by more with those that overshoot. A resize that
//! keeps the proportions (`shortest_edge`) is the same in all versions.
//!
//! Rows are resized first, then columns, and the bytes between the two are rounded. A picture that shrinks is filtered
//! with a filter that is as much wider, so that every pixel counts (antialiasing). Weights are integers of 22 bits
//! after the binary point. Near an edge the filter is cut off, and the weights that are left add up to 1.
//!
//! Only a part of the resized picture is computed, so a crop of a very long picture needs little memory.

use std::ops::Range;

use super::{CHANNELS, Filter};

/// Bits of a weight after the binary point. 8 bits of the sum are the byte, and 2 are for sums past 255.
const PRECISION: u32 = 32 - 8 - 2;

/// One half, which rounds a sum.
const HALF: i32 = 1 << (PRECISION - 1);

/// Pixels `[height, width, channel]`, and what they become.
pub(super) struct Resize<'a> {
    pub(super) bytes: &'a [u8],
    /// Height and width in pixels.
    pub(super) from: (usize, usize),
    /// Height and width in pixels.
    pub(super) to: (usize, usize),
    pub(super) filter: Filter,
}

impl Resize<'_> {
    /// The pixels `[rows, columns, channel]` of a part of the resized picture.
    pub(super) fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Vec<u8> {
        if self.filter == Filter::Nearest {
            return self.nearest(rows, columns);
        }
        let across = Taps::new(self.from.1, self.to.1, columns, self.filter);
        let down = Taps::new(self.from.0, self.to.0, rows, self.filter);
        let needed = down.reach();
        let row = self.from.1 * CHANNELS;
        let source = &self.bytes[needed.start * row..needed.end * row];
        let mut narrow = Vec::with_capacity(needed.len() * across.len() * CHANNELS);
        for pixels in source.chunks_exact(row) {
            resize_row(pixels, &across, &mut narrow);
        }
        resize_columns(&narrow, across.len() * CHANNELS, needed.start, &down)
    }

    fn nearest(&self, rows: Range<usize>, columns: Range<usize>) -> Vec<u8> {
        let columns = nearest(self.from.1, self.to.1, columns);
        let rows = nearest(self.from.0, self.to.0, rows);
        let row = self.from.1 * CHANNELS;
        let mut part = Vec::with_capacity(rows.len() * columns.len() * CHANNELS);
        for &y in &rows {
            let pixels = &self.bytes[y * row..][..row];
            for &x in &columns {
                part.extend_from_slice(&pixels[x * CHANNELS..][..CHANNELS]);
            }
        }
        part
    }
}

/// The weights of the old pixels along one side, for some of the new ones.
struct Taps {
    /// The first old pixel of each new one.
    starts: Vec<usize>,
    /// Where the weights of each new pixel end in `weights`.
    ends: Vec<usize>,
    weights: Vec<i32>,
}

impl Taps {
    /// Those of the pixels `range` of `to`, where there were `from`.
    fn new(from: usize, to: usize, range: Range<usize>, filter: Filter) -> Self {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let (support, narrow) = (filter.support() * stretch, 1.0 / stretch);
        let mut taps = Self {
            starts: Vec::with_capacity(range.len()),
            ends: Vec::with_capacity(range.len()),
            weights: Vec::new(),
        };
        let mut exact = Vec::new();
        for index in range {
            let centre = (index as f64 + 0.5) * scale;
            // a float becomes an integer towards zero, and a negative one becomes 0
            let start = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            exact.clear();
            exact.extend((start..end).map(|x| filter.weight((x as f64 - centre + 0.5) * narrow)));
            let sum: f64 = exact.iter().sum();
            let share = |weight: &f64| if sum == 0.0 { *weight } else { weight / sum };
            taps.weights
                .extend(exact.iter().map(|weight| fixed(share(weight))));
            taps.starts.push(start);
            taps.ends.push(taps.weights.len());
        }
        taps
    }

    /// The number of new pixels.
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// For each new pixel the first old one and the weights from it on.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let mut begin = 0;
        let both = self.starts.iter().zip(&self.ends);
        both.map(move |(&start, &end)| {
            (
                start,
                &self.weights[std::mem::replace(&mut begin, end)..end],
            )
        })
    }

    /// All old pixels that have a weight.
    fn reach(&self) -> Range<usize> {
        let start = self.starts.first().copied().unwrap_or(0);
        let ends = self.iter().map(|(start, weights)| start + weights.len());
        start..ends.max().unwrap_or(start)
    }
}

/// A weight as an integer, rounded away from zero if it lies in the middle.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    (scaled + 0.5_f64.copysign(scaled)) as i32
}

/// The byte of a sum that has a half added.
fn byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Appends a row `[taps, channel]` to `to`. The sums fit: weights add up to 1, and those of one sign to less than 2.
fn resize_row(row: &[u8], taps: &Taps, to: &mut Vec<u8>) {
    for (start, weights) in taps.iter() {
        let mut sums = [HALF; CHANNELS];
        let pixels = row[start * CHANNELS..].chunks_exact(CHANNELS);
        for (pixel, weight) in pixels.zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(value) * weight;
            }
        }
        to.extend(sums.map(byte));
    }
}

/// `rows`: `[row, width]`, which are the old rows from `first` on, to `[taps, width]`.
fn resize_columns(rows: &[u8], width: usize, first: usize, taps: &Taps) -> Vec<u8> {
    let mut sums = vec![HALF; width];
    let mut resized = Vec::with_capacity(taps.len() * width);
    for (start, weights) in taps.iter() {
        sums.fill(HALF);
        let old = rows[(start - first) * width..].chunks_exact(width);
        for (row, weight) in old.zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        resized.extend(sums.iter().copied().map(byte));
    }
    resized
}

/// The old pixel of each new one in `range`. The places are added up and not multiplied, because Pillow adds them up,
/// and the two round differently.
fn nearest(from: usize, to: usize, range: Range<usize>) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let places = std::iter::successors(Some(step * 0.5), |place| Some(place + step));
    places
        .skip(range.start)
        .take(range.len())
        .map(|place| (place as usize).min(from - 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Filter; 6] = [
        Filter::Nearest,
        Filter::Lanczos,
        Filter::Bilinear,
        Filter::Bicubic,
        Filter::Box,
        Filter::Hamming,
    ];

    fn noise(count: usize) -> Vec<u8> {
        let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        let states = std::iter::successors(Some(7_u32), next);
        states
            .map(|state| (state >> 24) as u8)
            .take(count)
            .collect()
    }

    fn resize(bytes: &[u8], from: (usize, usize), to: (usize, usize), filter: Filter) -> Vec<u8> {
        let resize = Resize {
            bytes,
            from,
            to,
            filter,
        };
        resize.part(0..to.0, 0..to.1)
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let bytes = noise(9 * 7 * CHANNELS);
        for filter in ALL {
            assert_eq!(resize(&bytes, (9, 7), (9, 7), filter), bytes, "{filter:?}");
        }
    }

    #[test]
    fn one_colour_stays_one_colour() {
        for filter in ALL {
            for (from, to) in [((1, 1), (5, 8)), ((13, 2), (1, 1)), ((3, 40), (40, 3))] {
                let bytes = [9, 128, 255].repeat(from.0 * from.1);
                let expected = [9, 128, 255].repeat(to.0 * to.1);
                assert_eq!(resize(&bytes, from, to, filter), expected, "{filter:?}");
            }
        }
    }

    #[test]
    fn a_part_has_the_bytes_of_the_whole() {
        let (from, to) = ((23, 31), (17, 40));
        let bytes = noise(from.0 * from.1 * CHANNELS);
        let (rows, columns) = (3..11, 5..39);
        for filter in ALL {
            let whole = resize(&bytes, from, to, filter);
            let expected: Vec<u8> = rows
                .clone()
                .flat_map(|y| {
                    &whole[(y * to.1 + columns.start) * CHANNELS..][..columns.len() * CHANNELS]
                })
                .copied()
                .collect();
            let resize = Resize {
                bytes: &bytes,
                from,
                to,
                filter,
            };
            assert_eq!(
                resize.part(rows.clone(), columns.clone()),
                expected,
                "{filter:?}"
            );
        }
    }

    #[test]
    fn a_box_that_halves_is_a_mean_that_rounds_up() {
        let bytes = [0, 10, 255, 1, 20, 255].to_vec();
        let expected = [1, 15, 255];
        assert_eq!(resize(&bytes, (1, 2), (1, 1), Filter::Box), expected);
    }

    #[test]
    fn a_sum_past_a_byte_is_cut_off() {
        // the cubic overshoots on both sides of an edge
        let bytes = [[0; 12], [255; 12]].concat();
        let found = resize(&bytes, (1, 8), (1, 80), Filter::Bicubic);
        assert_eq!((found[0], found[239]), (0, 255));
        assert!(found.is_sorted());
    }

    #[test]
    fn a_very_long_picture_needs_only_the_part() {
        let bytes = noise(16_384 * CHANNELS);
        let resize = Resize {
            bytes: &bytes,
            from: (1, 16_384),
            to: (224, 224 * 16_384),
            filter: Filter::Bicubic,
        };
        let middle = 112 * 16_384;
        assert_eq!(
            resize.part(0..224, middle..middle + 224).len(),
            224 * 224 * CHANNELS
        );
    }
}
