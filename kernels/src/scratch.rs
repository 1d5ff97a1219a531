//! Buffers that a thread keeps between calls, so that no kernel allocates in steady state.
//!
//! A buffer is taken out of its cell while in use and put back afterwards: a nested use gets a
//! buffer of its own instead of an error. Only leaves of the work (never code that waits for other
//! threads) hold one.

use std::cell::Cell;
use std::thread::LocalKey;

thread_local! {
    static F32: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    static I16: Cell<Vec<i16>> = const { Cell::new(Vec::new()) };
    static U8: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `f` on `len` floats of unspecified content.
pub(super) fn with_f32<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    with(&F32, len, f)
}

/// Runs `f` on `len` 16-bit integers of unspecified content.
pub(super) fn with_i16<R>(len: usize, f: impl FnOnce(&mut [i16]) -> R) -> R {
    with(&I16, len, f)
}

/// Runs `f` on `len` bytes of unspecified content.
pub(super) fn with_u8<R>(len: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
    with(&U8, len, f)
}

fn with<T: Clone + Default, R>(
    cell: &'static LocalKey<Cell<Vec<T>>>,
    len: usize,
    f: impl FnOnce(&mut [T]) -> R,
) -> R {
    let mut buffer = cell.take();
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    let result = f(&mut buffer[..len]);
    cell.set(buffer);
    result
}

/// Cuts `N` pieces of the given lengths off the front of `buffer`.
pub(super) fn pieces<T, const N: usize>(buffer: &mut [T], lens: [usize; N]) -> [&mut [T]; N] {
    let mut rest = buffer;
    lens.map(|len| {
        let (piece, tail) = std::mem::take(&mut rest).split_at_mut(len);
        rest = tail;
        piece
    })
}
