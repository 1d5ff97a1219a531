//! What one execution takes: processor time, which other programs on the machine do not change, and the memory it holds at
//! most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use cpu_time::ProcessTime;

use crate::{Target, allowance};

/// The system's memory, counted.
struct Counted;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grew(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grew(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static MEMORY: Counted = Counted;

/// Most processor time for one input.
const LIMIT: Duration = Duration::from_secs(1);

/// One execution of a target.
pub struct Execution {
    /// Name of the target.
    target: &'static str,
    /// What the reader said; `None` if it panicked.
    pub outcome: Option<String>,
    /// The processor time it took.
    pub time: Duration,
    /// Most bytes held at once.
    pub memory: usize,
}

impl Execution {
    /// Runs a target on an input.
    #[must_use]
    pub fn of((name, target): &Target, input: &[u8]) -> Self {
        let base = LIVE.load(Relaxed);
        PEAK.store(base, Relaxed);
        let start = ProcessTime::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(input))).ok();
        Self {
            target: name,
            outcome,
            time: start.elapsed(),
            memory: PEAK.load(Relaxed).saturating_sub(base),
        }
    }

    /// What was wrong about it, if anything.
    #[must_use]
    pub fn fault(&self, input: &[u8]) -> Option<String> {
        if self.outcome.is_none() {
            Some("panicked".to_owned())
        } else if self.time > LIMIT {
            Some(format!("took {:?}", self.time))
        } else if self.memory > allowance(self.target, input.len()) {
            Some(format!("held {} bytes", self.memory))
        } else {
            None
        }
    }
}
