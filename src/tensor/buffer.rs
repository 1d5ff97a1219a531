use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// Floats whose memory is used again: dropped, it goes to a list of its thread, from which the next
/// buffer of about that length is taken. A training step allocates the same sizes as the one
/// before, so in steady state nothing is allocated, zeroed or given back.
///
/// What comes out of a file, such as an adapter's weights, is given back: it lives long, and memory of
/// its size is rarely asked for again.
pub struct Buffer {
    /// As long as its size class if it is of the lists; all of it initialised.
    memory: Vec<f32>,
    len: usize,
    /// Whether it is of the lists.
    listed: bool,
}

/// Shorter buffers are not worth a list.
const SMALLEST: usize = 1 << 10;

/// Bytes that a thread's lists hold at most.
const LIMIT: usize = 64 << 20;

/// How many bytes the lists and what is taken from them may together have more than was ever in use at once. A
/// WebAssembly memory never shrinks: answers to texts of many lengths would fill the lists with a buffer of each.
const SLACK: usize = if cfg!(target_arch = "wasm32") {
    4 << 20
} else {
    LIMIT
};

#[derive(Default)]
struct Lists {
    by_class: BTreeMap<usize, Vec<Vec<f32>>>,
    bytes: usize,
    /// Bytes in use, and the most that ever were.
    used: usize,
    peak: usize,
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
        let listed = len >= SMALLEST;
        let reused = listed
            .then(|| LISTS.try_with(|lists| lists.borrow_mut().take(class)).ok())
            .flatten()
            .flatten();
        let memory = reused.unwrap_or_else(|| vec![0.0; class]);
        Self {
            memory,
            len,
            listed,
        }
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
    /// Memory of a class that is in use from now on; nothing if it has to be allocated.
    fn take(&mut self, class: usize) -> Option<Vec<f32>> {
        let bytes = size_of::<f32>() * class;
        self.used += bytes;
        self.peak = self.peak.max(self.used);
        if let Some(memory) = self.by_class.get_mut(&class).and_then(Vec::pop) {
            self.bytes -= bytes;
            return Some(memory);
        }
        // room is made before it is allocated, the largest first
        while self.used + self.bytes > self.peak + SLACK {
            let Some(mut largest) = self.by_class.last_entry() else {
                break;
            };
            if largest.get_mut().pop().is_some() {
                self.bytes -= size_of::<f32>() * largest.key();
            } else {
                largest.remove();
            }
        }
        None
    }

    fn put(&mut self, memory: Vec<f32>) {
        let bytes = size_of_val(&memory[..]);
        // what another thread took is not counted here
        self.used = self.used.saturating_sub(bytes);
        if self.bytes + bytes > LIMIT {
            // sizes that are no longer asked for must not fill the lists for ever
            self.by_class.clear();
            self.bytes = 0;
        }
        if bytes <= LIMIT {
            self.bytes += bytes;
            self.by_class.entry(memory.len()).or_default().push(memory);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.listed {
            let memory = std::mem::take(&mut self.memory);
            // a thread that is ending has no lists any more
            let _ = LISTS.try_with(|lists| lists.borrow_mut().put(memory));
        }
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(memory: Vec<f32>) -> Self {
        Self {
            len: memory.len(),
            memory,
            listed: false,
        }
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
    fn what_comes_from_elsewhere_is_given_back() {
        let held = || LISTS.with_borrow(|lists| (lists.bytes, lists.used));
        let before = held();
        drop(Buffer::from(vec![0.0; 1 << 20]));
        assert_eq!(held(), before);
    }

    #[test]
    fn buffers_of_many_lengths_take_little_more_than_the_most_at_once() {
        for round in 0..50 {
            let lengths = [200_000 + round * 30_000, 1_700_000 - round * 30_000];
            let both = lengths.map(Buffer::zeros);
            assert_eq!(both[0].len(), lengths[0]);
        }
        LISTS.with_borrow(|lists| {
            assert_eq!(lists.used, 0);
            assert!(lists.bytes <= lists.peak + SLACK, "{}", lists.bytes);
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
