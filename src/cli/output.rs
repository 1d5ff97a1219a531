//! What the commands print. `println!` panics where the reader has gone (`graftlet inspect … | head -1`), so
//! nothing here uses it: `clippy::print_stdout` and `clippy::print_stderr` are denied for the command line.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

use crate::error::{Error, Result, escaped};

const STDOUT: &str = "standard output";

/// Exit code of a program whose reader has gone, as a shell reports one that `SIGPIPE` ended.
pub(super) const PIPE_CLOSED: u8 = 128 + 13;

/// One line on standard output, written like `println!`. A result: where the reader has gone, the error
/// ends the command and [`is_closed_pipe`] recognises it.
macro_rules! outln {
    () => {
        outln!("")
    };
    ($($part:tt)*) => {
        $crate::cli::output::line(::std::format_args!($($part)*))
    };
}

/// One line on standard error, written like `eprintln!`. Nothing comes of it where nobody reads: a
/// training must not end because its messages have no reader.
macro_rules! errln {
    () => {
        errln!("")
    };
    ($($part:tt)*) => {
        $crate::cli::output::message(::std::format_args!($($part)*))
    };
}

pub(super) use {errln, outln};

/// See [`outln`].
pub(super) fn line(text: Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", harmless(&text.to_string())).map_err(Error::io(STDOUT))
}

/// See [`errln`].
pub(super) fn message(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(&text.to_string()));
}

/// Standard error for the messages of libraries, which name what stands in files.
pub(super) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        std::io::stderr().write_all(harmless(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// A text without the control characters that a terminal obeys: labels and names come out of files that others have
/// written. In JSON, where they only stand in strings, the string stays the same.
fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(obeyed) {
        return text.into();
    }
    let parts = text.split_inclusive(obeyed);
    let escape = |part: &str| match part.char_indices().next_back() {
        Some((at, c)) if obeyed(c) => format!("{}{}", &part[..at], escaped(&part[at..])),
        _ => part.to_owned(),
    };
    parts.map(escape).collect::<String>().into()
}

/// Whether the reader of standard output has gone. That is not an error.
pub(super) fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Io { place, source }
        if place == STDOUT && source.kind() == ErrorKind::BrokenPipe)
}
