//! Splitting work over threads: rayon natively, one after the other in WebAssembly. Never changes a
//! bit of a result, because tasks write to disjoint places and no sum crosses a task.

use std::marker::PhantomData;

/// Multiply-adds below which a call is not worth waking another thread: some tens of microseconds.
const WORTH_SPLITTING: usize = 1 << 20;

/// How many threads `work` multiply-adds are worth.
pub(super) fn threads(work: usize) -> usize {
    if work < WORTH_SPLITTING {
        return 1;
    }
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    return 1;
}

/// Calls `f` with every index below `tasks`, which together are `work` multiply-adds.
pub(super) fn for_each(tasks: usize, work: usize, f: impl Fn(usize) + Sync) {
    #[cfg(not(target_arch = "wasm32"))]
    if threads(work) > 1 {
        use rayon::prelude::*;
        return (0..tasks).into_par_iter().for_each(&f);
    }
    let _ = work;
    (0..tasks).for_each(f);
}

/// Calls `f` with the index and the content of every piece of `out` of `len` elements (the last may
/// be shorter).
pub(super) fn for_each_chunk(
    out: &mut [f32],
    len: usize,
    work: usize,
    f: impl Fn(usize, &mut [f32]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let shared = Disjoint::new(out);
    for_each(shared.len.div_ceil(len), work, |index| {
        let start = index * len;
        // SAFETY: pieces of different indices do not overlap, and every index is used once.
        f(index, unsafe {
            shared.slice(start, len.min(shared.len - start))
        });
    });
}

/// A mutable slice that tasks write to in disjoint pieces, for pieces that are not contiguous (a
/// head's columns).
pub(super) struct Disjoint<'a> {
    pointer: *mut f32,
    len: usize,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `slice`, whose callers promise that pieces in use at the same time do
// not overlap.
unsafe impl Sync for Disjoint<'_> {}

impl<'a> Disjoint<'a> {
    pub(super) fn new(slice: &'a mut [f32]) -> Self {
        Self {
            pointer: slice.as_mut_ptr(),
            len: slice.len(),
            owner: PhantomData,
        }
    }

    /// The `len` elements from `start` on. Asserts that they lie inside the slice.
    ///
    /// # Safety
    /// No other piece in use at the same time overlaps this one.
    #[allow(clippy::mut_from_ref)] // exclusive by the promise above
    pub(super) unsafe fn slice(&self, start: usize, len: usize) -> &mut [f32] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: inside the slice (asserted), exclusive by this function's contract, alive as long
        // as `self.owner`.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_same_bits;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_chunk_is_visited_once() {
        for (len, chunk) in [(0, 3), (1, 3), (3, 3), (10, 3), (1000, 7)] {
            for work in [0, usize::MAX] {
                let mut out = vec![0.0; len];
                for_each_chunk(&mut out, chunk, work, |index, piece| {
                    for (i, value) in piece.iter_mut().enumerate() {
                        *value += (index * chunk + i) as f32;
                    }
                });
                let expected: Vec<f32> = (0..len).map(|i| i as f32).collect();
                assert_same_bits(&out, &expected);
            }
        }
    }
}
