use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// Floats whose memory is used again: dropped, it goes to a list of its thread, from which the next
/// buffer of about that length is taken. A training step allocates the same sizes as the one
/// before, so in steady state nothing is allocated, zeroed or given back.
pub struct Buffer {
    /// As long as its size class, all of it initialised.
    memory: Vec<f32>,
    len: usize,
}

/// Shorter buffers are not worth a list.
const SMALLEST: usize = 1 << 10;

/// Bytes that a thread's lists hold at most.
const LIMIT: usize = 64 << 20;

#[derive(Default)]
struct Lists {
    by_class: BTreeMap<usize, Vec<Vec<f32>>>,
    bytes: usize,
}

thread_local! {
    static LISTS: RefCell<Lists> = RefCell::default();
}

/// `len` rounded up to one of four steps between powers of two: batches of nearly the same size
/// share their buffers.
fn class(len: usize) -> usize {
    if len < SMALLEST {
        return len;
    }
    len.next_multiple_of(1 << (len.ilog2() - 2))
}

impl Buffer {
    /// `len` floats of unspecified content, for a kernel to overwrite.
    #[must_use]
    pub fn uninitialised(len: usize) -> Self {
        let class = class(len);
        let reused = (len >= SMALLEST)
            .then(|| LISTS.try_with(|lists| lists.borrow_mut().take(class)).ok())
            .flatten()
            .flatten();
        let memory = reused.unwrap_or_else(|| vec![0.0; class]);
        Self { memory, len }
    }

    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::uninitialised(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy.
    #[must_use]
    pub fn copy_of(data: &[f32]) -> Self {
        let mut buffer = Self::uninitialised(data.len());
        buffer.copy_from_slice(data);
        buffer
    }
}

impl Lists {
    fn take(&mut self, class: usize) -> Option<Vec<f32>> {
        let memory = self.by_class.get_mut(&class)?.pop()?;
        self.bytes -= size_of_val(&memory[..]);
        Some(memory)
    }

    fn put(&mut self, memory: Vec<f32>) {
        let bytes = size_of_val(&memory[..]);
        if self.bytes + bytes > LIMIT {
            // sizes that are no longer asked for must not fill the lists for ever
            *self = Self::default();
        }
        if bytes <= LIMIT {
            self.bytes += bytes;
            self.by_class.entry(memory.len()).or_default().push(memory);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.memory.len() >= SMALLEST {
            let memory = std::mem::take(&mut self.memory);
            // a thread that is ending has no lists any more
            let _ = LISTS.try_with(|lists| lists.borrow_mut().put(memory));
        }
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(memory: Vec<f32>) -> Self {
        // only memory of a class's exact length may join the lists
        if memory.len() == class(memory.len()) {
            return Self {
                len: memory.len(),
                memory,
            };
        }
        Self::copy_of(&memory)
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn classes_waste_at_most_a_quarter() {
        for len in [1, 1023, 1024, 1025, 5000, 98_304, 100_000, 1 << 20] {
            let class = class(len);
            assert!(class >= len && class * 4 <= len * 5, "{len}: {class}");
            assert_eq!(super::class(class), class, "{len}");
        }
    }

    #[test]
    fn memory_is_used_again_and_is_bounded() {
        let first = Buffer::zeros(100_000);
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::uninitialised(99_000);
        assert_eq!(second.as_ptr(), address);
        assert_eq!(second.len(), 99_000);
        drop(second);
        for n in 0..40 {
            drop(Buffer::zeros((1 << 20) + n * (1 << 18)));
        }
        LISTS.with_borrow(|lists| {
            let held: usize = lists.by_class.values().flatten().map(|m| 4 * m.len()).sum();
            assert_eq!(held, lists.bytes);
            assert!(held <= LIMIT);
        });
    }

    #[test]
    fn a_vector_keeps_its_values() {
        for len in [0, 3, 1025, 2048] {
            let values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            assert_eq!(&Buffer::from(values.clone())[..], &values[..]);
        }
    }
}
