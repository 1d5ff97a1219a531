//! How a delimited file is written: its delimiter, whether it quotes, whether its first row names the columns.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::delimited::{Dialect, Habits, Piece, Pieces, Scanner, line_at, lines_across};
use crate::names;

/// Delimiters that are tried, the likeliest first: prose has more commas than tabs.
const DELIMITERS: [u8; 4] = [b'\t', b',', b';', b'|'];

/// Bytes and records that the delimiter is guessed from.
const SAMPLE_BYTES: usize = 50_000;
const SAMPLE_RECORDS: usize = 100;

/// Share of records that must agree on the number of cells.
const AGREEMENT: f64 = 0.5;

/// Records that a header is compared with.
const BELOW: usize = 200;

/// Excel's first line that names the delimiter, and where the next line begins.
pub(crate) fn sep_line(text: &str) -> Option<(u8, usize)> {
    let line = line_at(text, 0);
    let bare = line.trim_matches('"');
    let named = bare.get(..4)?.eq_ignore_ascii_case("sep=");
    let mut rest = bare.get(4..)?.chars();
    let delimiter = rest.next().filter(|&c| is_delimiter(c))?;
    // a spreadsheet may have added the delimiters of its other columns
    let only = named && rest.all(|c| c == delimiter);
    let next = crate::delimited::after_line(text, 0);
    only.then_some((u8::try_from(delimiter).ok()?, next))
}

/// Whether a character can stand between cells.
pub(crate) fn is_delimiter(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !"\"\r\n\0".contains(c)
}

/// The delimiter that the first records agree on; nothing where lines are texts with no delimiter. Prose is full of
/// commas: a delimiter has to give the same number of cells in the rows it is tried on.
pub(crate) fn delimiter(text: &str, name: Option<&str>) -> Option<u8> {
    let mut cut = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let sample = &text[..cut];
    let tried = DELIMITERS.map(|delimiter| Tried::of(sample, delimiter, cut < text.len()));
    let mut best = tried[0];
    for other in tried {
        if other.score > best.score {
            best = other;
        }
    }
    if best.score > AGREEMENT {
        return Some(best.delimiter);
    }
    if let Some(named) = tried.iter().find(|tried| tried.names_columns) {
        return Some(named.delimiter);
    }
    let [tab, comma, ..] = tried;
    let ending = name
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending.to_lowercase());
    match ending.as_deref() {
        Some("tsv" | "tab") if tab.score > 0.0 => return Some(b'\t'),
        Some("csv") if best.score > 0.0 => return Some(best.delimiter),
        _ => {}
    }
    (comma.alone >= 0.9).then_some(b',')
}

/// What a delimiter gives.
#[derive(Clone, Copy)]
struct Tried {
    delimiter: u8,
    /// Share of the records that have as many cells as most, if that is more than one.
    score: f64,
    /// Share of the records that are one cell.
    alone: f64,
    /// Whether the first record is more than one cell, and names columns.
    names_columns: bool,
}

impl Tried {
    fn of(sample: &str, delimiter: u8, is_cut: bool) -> Self {
        let dialect = Dialect::of(Some(delimiter));
        let mut pieces = Pieces::keeping(64);
        let mut scanner = Scanner::new(sample, 0, dialect, None);
        let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
        let mut last = None;
        let mut names_columns = None;
        let (mut records, mut misquoted) = (0, 0);
        while records < SAMPLE_RECORDS
            && misquoted < SAMPLE_RECORDS
            && let Some(found) = scanner.next(&mut pieces)
        {
            if found.misquoted {
                misquoted += 1;
                continue;
            }
            if pieces.width(sample) == 0 {
                continue;
            }
            names_columns.get_or_insert_with(|| {
                let mut cells = pieces.as_slice().iter();
                pieces.count > 1 && cells.any(|cell| names::is_any(&cell.text(sample)))
            });
            records += 1;
            *widths.entry(pieces.count).or_default() += 1;
            last = Some(pieces.count);
        }
        // the sample may end within a record
        if is_cut
            && records < SAMPLE_RECORDS
            && records > 1
            && let Some(count) = last.and_then(|last| widths.get_mut(&last))
        {
            *count -= 1;
            records -= 1;
        }
        let (mut width, mut most) = (1, 0);
        for (&found, &count) in &widths {
            if count > most {
                (width, most) = (found, count);
            }
        }
        #[allow(clippy::cast_precision_loss)]
        let share = |count: usize| count as f64 / records.max(1) as f64;
        Self {
            delimiter,
            score: if width > 1 { share(most) } else { 0.0 },
            alone: share(widths.get(&1).copied().unwrap_or_default()),
            names_columns: names_columns.unwrap_or(false),
        }
    }
}

/// How cells are quoted: as RFC 4180 has it, with backslashes before quotes, between single quotes, or not at all. What is
/// not as RFC 4180 has it must leave hardly any odd row where that leaves many.
pub(crate) fn dialect(text: &str, delimiter: u8, width: usize, habits: Option<&Habits>) -> Dialect {
    let usual = Dialect::of(Some(delimiter));
    let escaped = Dialect {
        escaped: true,
        ..usual
    };
    let single = Dialect {
        quote: b'\'',
        ..usual
    };
    let has_escapes = memchr::memmem::find(text.as_bytes(), b"\\\"").is_some();
    let (opened, all) = single_quotes(text, delimiter);
    // programs that write tabs do not quote so
    let has_single = delimiter != b'\t' && opened > 1 && opened * 20 >= all;
    if has_escapes || has_single {
        let (odd_usual, _) = odd(text, usual, width, habits);
        let odd_as = |dialect| odd(text, dialect, usual_width(text, dialect), None).0;
        let better = |dialect| odd_as(dialect) * 10 < odd_usual;
        if has_escapes && odd_usual > 0 && better(escaped) {
            return escaped;
        }
        let is_single = || odd_usual > 0 && better(single);
        let all_single = || opened * 10 >= all * 9 && odd_as(single) == 0;
        if has_single && (is_single() || all_single()) {
            return single;
        }
    }
    Dialect {
        quoted: quotes(text, delimiter, width, habits),
        ..usual
    }
}

/// Lines from all over a text in which a cell stands between single quotes, and of how many.
fn single_quotes(text: &str, delimiter: u8) -> (usize, usize) {
    let (mut opened, mut all) = (0, 0);
    for start in lines_across(text, 500).skip(1) {
        let line = line_at(text, start);
        let mut cells = line.split(char::from(delimiter)).map(str::trim);
        let opens = |cell: &str| cell.len() > 1 && cell.starts_with('\'');
        let begins = cells.clone().any(opens);
        let ends = cells.any(|cell| cell.len() > 1 && cell.ends_with('\''));
        all += 1;
        opened += usize::from(begins && ends);
    }
    (opened, all)
}

/// Whether cells stand between quotes where they need to, or quotes are characters like others.
///
/// Programs that write tabs often do not quote. If a quote stands at the start of a cell and is not closed as
/// RFC 4180 has it, both ways are tried, and the one that gives fewer odd rows is right. Where other delimiters are used,
/// a file is taken not to quote only if many rows would be lost otherwise.
fn quotes(text: &str, delimiter: u8, width: usize, habits: Option<&Habits>) -> bool {
    if memchr::memchr(b'"', text.as_bytes()).is_none() {
        return true;
    }
    let quoted = Dialect::of(Some(delimiter));
    let plain = Dialect {
        quoted: false,
        ..quoted
    };
    let is_tab = delimiter == b'\t';
    if is_tab && let Some(width) = quoted_width(text, quoted) {
        let (odd, records) = odd(text, quoted, width, habits);
        if odd * 5 < records {
            return true;
        }
    }
    let (odd_quoted, quoted_records) = odd(text, quoted, width, habits);
    let odd_plain = || odd(text, plain, usual_width(text, plain), None).0;
    if odd_quoted == 0 {
        // nothing speaks against quotes, unless cells that begin with one end elsewhere
        return !is_tab || is_closed(text) || odd_plain() > 0;
    }
    let few = odd_quoted * 5 < quoted_records;
    if !is_tab && few {
        return true;
    }
    let odd_plain = odd_plain();
    let as_odd = odd_plain == odd_quoted && is_closed(text);
    odd_plain > odd_quoted || as_odd || (!is_tab && odd_plain > 0)
}

/// Number of records that are misquoted or of another width, and of all.
fn odd(text: &str, dialect: Dialect, width: usize, habits: Option<&Habits>) -> (usize, usize) {
    let mut pieces = Pieces::keeping(0);
    let mut scanner = Scanner::new(text, 0, dialect, habits);
    let (mut odd, mut all) = (0, 0);
    while let Some(found) = scanner.next(&mut pieces) {
        let blank = !found.misquoted && pieces.count == 1 && pieces.filled == 0;
        all += usize::from(!blank);
        odd += usize::from(found.misquoted || (pieces.count != width && !blank));
    }
    (odd, all)
}

/// The width of the first record if all its cells stand between quotes: a program that quotes every cell wrote the file.
fn quoted_width(text: &str, dialect: Dialect) -> Option<usize> {
    let mut pieces = Pieces::keeping(usize::MAX);
    let found = Scanner::new(text, 0, dialect, None).next(&mut pieces)?;
    let is_quoted = |piece: &Piece| piece.start > 0 && text.as_bytes()[piece.start - 1] == b'"';
    let all = !found.misquoted && pieces.count > 1 && pieces.as_slice().iter().all(is_quoted);
    all.then_some(pieces.count)
}

/// Whether every cell that begins with a quote ends with one on its line.
fn is_closed(text: &str) -> bool {
    let mut lines = text.lines();
    lines.all(|line| {
        let mut cells = line.split('\t');
        cells.all(|cell| {
            let Some(inner) = cell.strip_prefix('"') else {
                return true;
            };
            let closed = inner.strip_suffix('"');
            closed.is_some_and(|inner| !inner.replace("\"\"", "").contains('"'))
        })
    })
}

/// Whether the first of these records names the columns rather than being an example.
pub(crate) fn is_header(records: &[Vec<Cow<'_, str>>]) -> bool {
    let Some((first, rest)) = records.split_first() else {
        return false;
    };
    let sample = &rest[..rest.len().min(BELOW)];
    let below = |column: usize| {
        sample
            .iter()
            .filter_map(move |row| row.get(column).map(|cell| cell.trim()))
    };
    let names: Vec<&str> = first.iter().map(|cell| cell.trim()).collect();
    // a cell that comes again below it is a value
    let recurs = |column: usize, name: &str| below(column).any(|cell| cell == name);
    let mut columns = names.iter().enumerate();
    if columns.any(|(column, name)| names::is_any(name) && !recurs(column, name)) {
        return true;
    }
    if names.iter().any(|name| name.chars().count() > 40) {
        return false;
    }
    // a name may be missing above empty cells and above the numbers of rows
    let mut nameless = names.iter().enumerate();
    if nameless.any(|(column, name)| {
        let is_index = || below(column).all(|cell| cell.parse::<u64>().is_ok());
        name.is_empty()
            && !(below(column).all(str::is_empty) || column == 0 && names.len() > 1 && is_index())
    }) || names.iter().all(|name| name.is_empty())
    {
        return false;
    }
    let mut columns = names.iter().enumerate();
    if columns.any(|(column, name)| !name.is_empty() && recurs(column, name)) {
        return false;
    }
    let is_number = |cell: &str| cell.parse::<f64>().is_ok();
    let mut columns = names.iter().enumerate();
    // short cells over longer ones are names, and so are words over numbers
    columns.any(|(column, name)| {
        let cells = below(column).count();
        let total: usize = below(column).map(|cell| cell.chars().count()).sum();
        let is_short = cells > 1 && name.chars().count() * 2 * cells < total;
        !name.is_empty()
            && (is_short || (cells > 1 && !is_number(name) && below(column).all(is_number)))
    }) && !names.iter().any(|name| is_number(name))
}

/// Records above the names of the columns that are no rows: a title, or who made the file.
pub(crate) fn lines_above(records: &[Vec<Cow<'_, str>>], width: usize) -> usize {
    let filled = |record: &[Cow<'_, str>]| {
        let cells = record.iter().filter(|cell| !cell.trim().is_empty());
        cells.count()
    };
    let single = records.iter().take_while(|record| filled(record) == 1);
    let above = single.count();
    let Some(rest) = records.get(above..).filter(|rest| !rest.is_empty()) else {
        return 0;
    };
    let named = rest[0].len() == width && rest[0].iter().any(|cell| names::is_any(cell));
    let is_above = width > 1 && (1..=MOST_ABOVE).contains(&above) && named && is_header(rest);
    if is_above { above } else { 0 }
}

/// Most records above the names of the columns.
const MOST_ABOVE: usize = 10;

/// Whether this line is the rule below the header of a table in Markdown (`| --- | :-: |`).
pub(crate) fn is_rule(text: &str, start: usize) -> bool {
    let line = line_at(text, start);
    line.contains("--") && line.chars().all(|c| "|-: \t".contains(c))
}

/// Texts for [`is_header`] and the width of most records: the first records as they stand.
pub(crate) fn first_records<'a>(
    text: &'a str,
    dialect: Dialect,
    habits: Option<&Habits>,
) -> Vec<Vec<Cow<'a, str>>> {
    let mut pieces = Pieces::keeping(64);
    let mut scanner = Scanner::new(text, 0, dialect, habits);
    let mut records = Vec::new();
    while records.len() <= BELOW
        && let Some(found) = scanner.next(&mut pieces)
    {
        if found.misquoted || pieces.width(text) == 0 {
            continue;
        }
        records.push(
            pieces
                .as_slice()
                .iter()
                .map(|piece| piece.text(text))
                .collect(),
        );
    }
    records
}

/// The number of cells that most records have, by lines from all over the file that are not blank.
pub(crate) fn usual_width(text: &str, dialect: Dialect) -> usize {
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    let mut pieces = Pieces::keeping(0);
    for start in lines_across(text, 500) {
        // Empty lines are passed over up to the next record, which may be far.
        if line_at(text, start).is_empty() {
            continue;
        }
        let mut scanner = Scanner::new(text, start, dialect, None);
        let found = scanner.next(&mut pieces);
        let blank = pieces.count == 1 && pieces.filled == 0;
        if found.is_some_and(|found| !found.misquoted) && !blank {
            *widths.entry(pieces.count).or_default() += 1;
        }
    }
    let most = widths
        .into_iter()
        .max_by_key(|&(width, count)| (count, width));
    most.map_or(1, |(width, _)| width)
}
