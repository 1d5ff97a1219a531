//! Where a quoted cell ends.

use super::Dialect;

/// Where a quoted cell ends. Within a cell two quotes stand for one, so it ends at the first run of quotes whose length is
/// odd. The last answer is kept: where cells are opened and never closed, the text is still searched once.
#[derive(Default)]
pub(super) struct Quotes {
    known: Option<Run>,
}

/// The first run of quotes of odd length behind a place.
#[derive(Clone, Copy)]
struct Run {
    /// It is the first for all places from here to `start`.
    from: usize,
    start: usize,
    /// Its last quote; nothing if there is no such run.
    close: Option<usize>,
}

impl Quotes {
    pub(super) fn close(&mut self, bytes: &[u8], at: usize, dialect: Dialect) -> Option<usize> {
        if let Some(run) = self.known
            && run.from <= at
            && at <= run.start
        {
            return run.close;
        }
        let mut place = at;
        let run = loop {
            let rest = bytes.get(place..).unwrap_or_default();
            let found = if dialect.escaped {
                memchr::memchr2(dialect.quote, b'\\', rest)
            } else {
                memchr::memchr(dialect.quote, rest)
            };
            let Some(found) = found else {
                break Run {
                    from: at,
                    start: bytes.len(),
                    close: None,
                };
            };
            let start = place + found;
            if bytes[start] != dialect.quote {
                // a backslash and what it stands before
                place = start + 2;
                continue;
            }
            let length = bytes[start..]
                .iter()
                .take_while(|&&byte| byte == dialect.quote)
                .count();
            place = start + length;
            if length % 2 == 1 {
                break Run {
                    from: at,
                    start,
                    close: Some(place - 1),
                };
            }
        };
        self.known = Some(run);
        run.close
    }
}
