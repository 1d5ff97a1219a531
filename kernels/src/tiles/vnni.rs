//! The tile of quads on x86-64: a weight step is one register, so two activation panels make a tile of
//! six rows and twelve accumulators, enough to hide the latency of the dot product.
//!
//! The tile is the same for every instruction that adds to each of eight sums the products of four
//! unsigned by four signed bytes. AVX2 has none and takes three: slower than pairs, but it shows on
//! every machine that the tile is right.

use core::arch::x86_64::*;

use super::{COLS, QUADS_GROUP, QUADS_ROWS, Sums};

/// A tile of quads, `$tile`, whose products `$dot(sums, unsigned, signed)` makes.
macro_rules! tile_quads {
    ($tile:ident, $panels:ident, $features:literal, $dot:path) => {
        /// As the specification, bit for bit.
        #[target_feature(enable = $features)]
        pub(super) fn $tile(a: &[u8], w: &[i8], starts: &[i32; COLS], sums: &mut Sums<i32>) {
            let row = 2 * w.len() / COLS;
            let panel = row * QUADS_ROWS;
            if a.len() == 2 * panel {
                let (first, second) = a.split_at(panel);
                $panels::<QUADS_ROWS, 2>([first, second], w, starts, sums);
                return;
            }
            for (a, sums) in a.chunks(panel).zip(sums.chunks_mut(QUADS_ROWS)) {
                match a.len() / row {
                    1 => $panels::<1, 1>([a], w, starts, sums),
                    2 => $panels::<2, 1>([a], w, starts, sums),
                    _ => $panels::<QUADS_ROWS, 1>([a], w, starts, sums),
                }
            }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn $panels<const R: usize, const P: usize>(
            panels: [&[u8]; P],
            w: &[i8],
            starts: &[i32; COLS],
            sums: &mut [[i32; COLS]],
        ) {
            const { assert!(P * R <= QUADS_GROUP) };
            let steps = w.len() / (4 * COLS);
            assert!(panels.iter().all(|panel| panel.len() >= steps * 2 * R * 4));
            // SAFETY: COLS = 8 integers of 32 bits are a vector. Loads need no alignment.
            let start = unsafe { _mm256_loadu_si256(starts.as_ptr().cast()) };
            let mut halves = [[[start; R]; P], [[_mm256_setzero_si256(); R]; P]];
            let mut a = panels.map(|panel| panel.as_ptr().cast::<i32>());
            let mut w = w.as_ptr();
            for _ in 0..steps {
                // SAFETY: `w` has `steps` groups of COLS quads and each panel `steps` groups of two
                // times R quads (asserted above); each iteration reads one group of each, unaligned,
                // and moves on by as much.
                unsafe {
                    let weights = _mm256_loadu_si256(w.cast());
                    for (half, panels) in halves.iter_mut().enumerate() {
                        for (rows, a) in panels.iter_mut().zip(&a) {
                            for (r, sum) in rows.iter_mut().enumerate() {
                                let quad = a.add(half * R + r).read_unaligned();
                                *sum = $dot(*sum, _mm256_set1_epi32(quad), weights);
                            }
                        }
                    }
                    a = a.map(|a| a.add(2 * R));
                    w = w.add(4 * COLS);
                }
            }
            let [high, low] = halves;
            let rows = high.as_flattened().iter().zip(low.as_flattened());
            for (sums, (&high, &low)) in sums.iter_mut().zip(rows) {
                let sum = _mm256_add_epi32(_mm256_slli_epi32::<7>(high), low);
                // SAFETY: a row of sums is COLS = 8 integers of 32 bits.
                unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), sum) };
            }
        }
    };
}

tile_quads!(tile_quads_avx2, panels_avx2, "avx2", dot_avx2);
tile_quads!(
    tile_quads_avx,
    panels_avx,
    "avx2,avxvnni",
    _mm256_dpbusd_avx_epi32
);
tile_quads!(
    tile_quads_avx512,
    panels_avx512,
    "avx2,avx512vnni,avx512vl",
    _mm256_dpbusd_epi32
);

/// The dot product in three instructions. Pairs of products fit 16 bits, because the unsigned side is
/// at most 127.
#[target_feature(enable = "avx2")]
#[inline]
fn dot_avx2(sums: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(unsigned, signed);
    _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}
