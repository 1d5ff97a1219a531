use super::CHANNELS;

/// What a crop of the middle takes along one side. If there are fewer pixels than it asks for, it puts zeros (black) on both sides.
pub(super) struct Cut {
    /// Pixels that stay: the first, and the one after the last.
    pub(super) kept: std::ops::Range<usize>,
    /// Zeros before them.
    before: usize,
    /// Pixels and zeros.
    length: usize,
}

impl Cut {
    /// The middle `length` of a side of `size` pixels. An odd pixel too many is left out at the end; an odd pixel
    /// too few is added at the beginning.
    pub(super) fn middle(size: usize, length: usize) -> Self {
        let start = size.saturating_sub(length) / 2;
        Self {
            kept: start..start + size.min(length),
            before: length.saturating_sub(size).div_ceil(2),
            length,
        }
    }

    /// The whole side.
    pub(super) fn whole(size: usize) -> Self {
        Self::middle(size, size)
    }

    /// Pixels of the side after the crop.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

/// The kept pixels `[rows, columns, channel]` with their zeros around them.
pub(super) fn padded(kept: Vec<u8>, rows: &Cut, columns: &Cut) -> Vec<u8> {
    if rows.kept.len() == rows.length && columns.kept.len() == columns.length {
        return kept;
    }
    let mut whole = vec![0; rows.length * columns.length * CHANNELS];
    let to = whole.chunks_exact_mut(columns.length * CHANNELS);
    let from = kept.chunks_exact(columns.kept.len() * CHANNELS);
    for (to, from) in to.skip(rows.before).zip(from) {
        to[columns.before * CHANNELS..][..from.len()].copy_from_slice(from);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_pixels() {
        let cases = [
            // size, length, kept, zeros before
            (5, 5, 0..5, 0),
            (8, 5, 1..6, 0),
            (9, 5, 2..7, 0),
            (2, 5, 0..2, 2),
            (3, 5, 0..3, 1),
            (1, 2, 0..1, 1),
        ];
        for (size, length, kept, before) in cases {
            let cut = Cut::middle(size, length);
            assert_eq!((cut.kept, cut.before), (kept, before), "{size} {length}");
            assert_eq!(cut.length, length);
        }
    }

    #[test]
    fn zeros_surround_the_pixels() {
        let (rows, columns) = (Cut::middle(1, 2), Cut::middle(4, 1));
        assert_eq!(padded(vec![7, 8, 9], &rows, &columns), [0, 0, 0, 7, 8, 9]);
        let (rows, columns) = (Cut::whole(1), Cut::middle(1, 3));
        let expected = [0, 0, 0, 7, 8, 9, 0, 0, 0];
        assert_eq!(padded(vec![7, 8, 9], &rows, &columns), expected);
    }
}
