//! No input makes the reader hold more than twelve times its length.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use graftlet_rows::{Choice, Options, Problem, open};

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

/// Length of each input, and what may be held whatever the input: samples and names.
const LENGTH: usize = 1_000_000;
const FIXED: usize = 1 << 20;

/// Most bytes held while a file is read as each problem, the file included.
fn peak(input: &str) -> usize {
    let mut most = 0;
    for problem in [
        Problem::SingleLabel,
        Problem::MultiLabel,
        Problem::Regression,
        Problem::TokenClassification,
    ] {
        let base = LIVE.load(Relaxed);
        PEAK.store(base, Relaxed);
        let bytes = input.as_bytes().to_vec();
        if let Ok(table) = open(bytes, &Options::default()) {
            let columns = table.source().guess.clone();
            let looked = table.inspect(&Choice {
                columns,
                problem,
                ..Choice::default()
            });
            std::hint::black_box(&looked);
        }
        most = most.max(PEAK.load(Relaxed) - base);
    }
    most
}

fn repeated(head: &str, line: &str) -> String {
    format!("{head}{}", line.repeat((LENGTH - head.len()) / line.len()))
}

fn counted(head: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    for index in 0.. {
        if text.len() >= LENGTH {
            break;
        }
        let _ = text.write_str(&line(index));
    }
    text
}

#[test]
fn memory_is_at_most_twelve_times_the_file() {
    let inputs = [
        (
            "an ordinary file",
            counted("text,label\n", |i| {
                format!("a text with some words and number {i},{}\n", i % 7)
            }),
        ),
        (
            "tiny rows",
            counted("text,label\n", |i| format!("{:x},{}\n", i, i % 2)),
        ),
        (
            "tiny rows of as many classes",
            counted("text,label\n", |i| format!("a,{i:x}\n")),
        ),
        (
            "tiny rows of two classes each",
            counted("text,label\n", |i| format!("a,{i:x}|b\n")),
        ),
        ("rows of one letter", repeated("text\n", "a\n")),
        ("blank lines", repeated("text,label\n", "\n")),
        ("delimiters", repeated("", ",")),
        ("rows of delimiters", repeated("a,b\n", ",,,,,,,a\n")),
        ("quotes", repeated("", "\"")),
        ("opened quotes", repeated("text,label\n", "\"a,x\n")),
        ("tripled quotes", repeated("text,label\n", "\"\"\"a,x\n")),
        (
            "an unclosed quote",
            repeated("text,label\n\"open,x\n", "some text,y\n"),
        ),
        ("bars", repeated("text,label\n", "a,x|y|z|x|y\n")),
        (
            "a label of bars",
            format!("text,label\na,{}\nb,x\n", "x|".repeat(LENGTH / 2)),
        ),
        ("brackets", repeated("", "[")),
        ("empty objects", repeated("", "{}")),
        (
            "small objects",
            counted("", |i| format!("{{\"text\":\"{i:x}\",\"label\":{i}}}\n")),
        ),
        (
            "different keys",
            counted("", |i| format!("{{\"k{i}\":1}}\n")),
        ),
        (
            "nested keys",
            repeated("", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}\n"),
        ),
        (
            "a long list",
            format!(
                "{{\"text\":\"a\",\"label\":[{}1]}}\n{{\"text\":\"b\",\"label\":[1]}}\n",
                "1,".repeat(LENGTH / 2)
            ),
        ),
        (
            "long lists of tags",
            format!(
                "{{\"tokens\":[{0}\"a\"],\"tags\":[{1}\"O\"]}}\n",
                "\"a\",".repeat(LENGTH / 8),
                "\"O\",".repeat(LENGTH / 8)
            ),
        ),
        (
            "many spans",
            format!(
                "{{\"text\":\"a b\",\"label\":[{}[0,1,\"P\"]]}}\n",
                "[0,1,\"P\"],".repeat(LENGTH / 10)
            ),
        ),
        (
            "a span over many words",
            format!(
                "{{\"text\":\"{}\",\"label\":[[0,{},\"{}\"]]}}\n",
                "a ".repeat(LENGTH / 2),
                LENGTH,
                "K".repeat(100)
            ),
        ),
        ("broken objects", repeated("", "{\"text\":[\n")),
        ("words with tags", repeated("", "a O\nb B-x\n\n")),
        ("one sentence", repeated("", "a B-x\n")),
        (
            "words without tags",
            repeated("a O\nb B-x\n\n", "c B-x\nd O\nthe\n\ne O\n\n"),
        ),
        ("one line", "a ".repeat(LENGTH / 2)),
        (
            "escapes",
            format!(
                "{{\"text\":\"{}\",\"label\":1}}\n",
                "\\u00e9".repeat(LENGTH / 6)
            ),
        ),
        (
            "tiny lines of fastText",
            repeated("", "__label__a b\n__label__c d\n"),
        ),
        (
            "labels of fastText",
            repeated("x __label__y\n", "__label__a "),
        ),
        (
            "escaped quotes",
            repeated("text,label\n", "\"a \\\"b\\\"\",x\n\"a \\\"c\\\"\",y\n"),
        ),
        (
            "single quotes",
            repeated("text,label\n", "'a,b',x\n'c','y'\n"),
        ),
        ("sets", repeated("text,label\n", "a,\"{'x', 'y'}\"\n")),
        ("damage", "\u{fffd},".repeat(LENGTH / 4)),
    ];
    let mut failed = Vec::new();
    for (name, input) in inputs {
        let peak = peak(&input);
        #[allow(clippy::cast_precision_loss)]
        let share = peak as f64 / input.len() as f64;
        println!(
            "{name:<32} {:>9} bytes, held {share:.1} times as much",
            input.len()
        );
        if peak > 12 * input.len() + FIXED {
            failed.push((name, share));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
