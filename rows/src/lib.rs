//! Rows to learn from, out of files as people have them: bytes go in; rows, what is odd about them with row numbers,
//! and guesses come out. The command line and the page read with this one crate.
//!
//! [`open`] finds out what a file is and where its rows are. A [`Table`] guesses which column is what
//! ([`Table::source`]) and what the labels say ([`Table::propose`]); with a [`Choice`] it gives the rows to train on and
//! every finding ([`Table::inspect`]).
//!
//! The decoded text is kept once, and rows are places in it: cells are read again whenever they are asked for. What an
//! input can make the reader hold is at most twelve times its length.

mod blocked;
mod classes;
mod columns;
mod conll;
mod delimited;
mod encoding;
mod fast_text;
mod findings;
mod inspect;
mod json;
mod json_rows;
mod labels;
mod magic;
mod merge;
mod names;
mod options;
mod pool;
mod problem;
mod rows;
mod sniff;
mod spans;
mod table;
mod tags;
#[cfg(target_arch = "wasm32")]
mod web;
mod writer;

pub use classes::ClassCount;
pub use columns::Columns;
pub use encoding::Encoding;
pub use findings::{Finding, FindingKind, Severity, name_labels, name_rows};
pub use inspect::{Choice, Inspection, Looked, PreviewRow, Range};
pub use merge::Mergeable;
pub use options::{Options, Refusal};
pub use problem::{LABEL_SEPARATOR, Problem, Proposal};
pub use rows::{Row, RowRef, Rows};
pub use table::{Format, Source, Table, open};
