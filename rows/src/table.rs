//! A file of rows: its text, and where each row begins.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::columns::{self, Columns};
use crate::conll::{self, Look, Shape};
use crate::delimited::{Dialect, Habits, Pieces, Scanner};
use crate::encoding::{self, Encoding};
use crate::fast_text;
use crate::findings::{FindingKind, RowFindings, name_labels};
use crate::inspect::{self, Choice, Looked};
use crate::json::{self, Reader, Value};
use crate::json_rows::{self, LineCounter, Tree};
use crate::magic;
use crate::options::{Options, Refusal};
use crate::problem::{Form, Proposal};
use crate::rows::Rows;
use crate::sniff;
use crate::writer;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Cells between commas, semicolons, bars or other characters.
    #[serde(rename = "CSV")]
    Csv,
    /// Cells between tabs.
    #[serde(rename = "TSV")]
    Tsv,
    /// One text a line.
    #[serde(rename = "lines")]
    Lines,
    /// One JSON object behind the other.
    #[serde(rename = "JSONL")]
    Jsonl,
    /// A list of JSON objects.
    #[serde(rename = "JSON")]
    Json,
    /// A word and its tag a line.
    #[serde(rename = "CoNLL")]
    Conll,
}

impl Format {
    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Lines => "lines",
            Self::Jsonl => "JSONL",
            Self::Json => "JSON",
            Self::Conll => "CoNLL",
        }
    }
}

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// What it is.
    pub format: Format,
    /// How its characters are written.
    pub encoding: Encoding,
    /// What stands between cells, where something does.
    pub delimiter: Option<char>,
    /// Whether the first row names the columns; true of JSON and CoNLL, which have names of their own.
    pub header: bool,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, also those that cannot be read.
    pub rows: usize,
    /// The columns as most owners would choose them, or as the options say.
    pub guess: Columns,
    /// Why the guess may be wrong, in a sentence; nothing where one reading is plain.
    pub unclear: Option<String>,
    /// What else is worth saying, in sentences.
    pub notes: Vec<String>,
}

/// A file whose rows were found.
#[derive(Debug)]
pub struct Table {
    text: String,
    layout: Layout,
    /// Where each row begins, in bytes.
    starts: Vec<u32>,
    /// The number of each row in the file.
    numbers: Vec<u32>,
    /// What was found at rows that cannot be read.
    faults: RowFindings,
    source: Source,
}

/// How rows are written.
#[derive(Debug)]
enum Layout {
    Delimited {
        dialect: Dialect,
        habits: Option<Habits>,
        /// Where the first record begins.
        base: usize,
    },
    Json(Tree),
    Conll(Shape),
}

/// Most columns that are kept.
const MOST_COLUMNS: usize = 500;

/// Most characters of a column's name that are kept.
const MOST_NAME: usize = 200;

/// A column's name as it stands in the file, cut where it is too long to be one.
fn column_name(cell: &str) -> String {
    let name = cell.trim();
    match name.char_indices().nth(MOST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Longest file, decoded.
const MOST_BYTES: usize = 1_000_000_000;

/// A cell of a row.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    /// Text, or a JSON value that is no list and no object.
    Text(Cow<'a, str>),
    /// A list or an object.
    Value(Value<'a>),
}

impl<'a> Cell<'a> {
    fn of(value: Value<'a>) -> Self {
        value.plain().map_or(Self::Value(value), Self::Text)
    }

    /// What it says: text as it is, the words of a list with spaces between them, an object as JSON.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        self.joined(" ")
    }

    /// The same, with something else between the words of a list.
    pub(crate) fn joined(&self, separator: &str) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Value(Value::Object(raw)) => Cow::Borrowed(raw),
            Self::Value(Value::List(raw)) => {
                let mut joined = String::new();
                for (index, value) in json::items(raw).enumerate() {
                    let Some(word) = value.plain() else {
                        return Cow::Borrowed(raw);
                    };
                    if index > 0 {
                        joined.push_str(separator);
                    }
                    joined.push_str(&word);
                }
                joined.into()
            }
            Self::Value(_) => "".into(),
        }
    }
}

/// Finds the rows of a file.
///
/// # Errors
/// [`Refusal`] where there are none: it says what the file is, and what to do.
pub fn open(bytes: Vec<u8>, options: &Options) -> Result<Table, Refusal> {
    let too_large = || {
        Refusal::new(
            "file_too_large",
            "This file is larger than 1 GB: split it, or take a part of its rows.",
        )
    };
    if bytes.len() > MOST_BYTES {
        return Err(too_large());
    }
    magic::refuse_bytes(&bytes)?;
    let (text, encoding) = encoding::decode(bytes);
    if text.len() > MOST_BYTES {
        return Err(too_large());
    }
    let text = encoding::without_few_zeros(text);
    magic::refuse_text(&text)?;
    let mut table = Table::find(text, encoding, options)?;
    let (guess, unclear) = columns::guess(&table, options)?;
    table.source.guess = guess;
    table.source.unclear = unclear;
    let more = table.same_names().chain(table.turned_down());
    let more: Vec<String> = more.collect();
    table.source.notes.extend(more);
    if encoding == Encoding::Windows1252 {
        table.source.notes.insert(0, WINDOWS.to_owned());
    }
    Ok(table)
}

/// Said of files whose encoding was guessed.
const WINDOWS: &str = "The file is not UTF-8: it was read as Windows-1252. Look whether letters with accents are right; \
     if not, save it as UTF-8.";

impl Table {
    fn find(text: String, encoding: Encoding, options: &Options) -> Result<Self, Refusal> {
        let name = options.name.as_deref().unwrap_or_default().to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if options.delimiter.is_none() && options.header.is_none() {
            if let Some(text) = fast_text::rewritten(&text) {
                return Self::fast_text(text, encoding, options);
            }
            if json_rows::looks_like_json(&text, ends(&[".json", ".jsonl", ".ndjson"])) {
                return Self::json(text, encoding, options);
            }
            let called_so = ends(&[".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes"]);
            let tag = options
                .label_column
                .as_ref()
                .and_then(|column| column.parse().ok());
            match conll::look(&text, called_so, tag) {
                Look::Tagged(shape) => {
                    let mut table = Self::conll(text, encoding, shape);
                    let found = shape.tag_column().filter(|_| tag.is_none());
                    table.source.notes.extend(found.map(|column| {
                        format!(
                            "The tags are those of column {column}; the number of another can be given as the label's column."
                        )
                    }));
                    return Ok(table);
                }
                Look::Untagged => {
                    return Err(magic::is(
                        "CoNLL-U without tags such as “B-PER”",
                        "add a last column with the tag of each word",
                    ));
                }
                Look::Other => {}
            }
        }
        Self::delimited(text, encoding, options, true)
    }

    fn fast_text(text: String, encoding: Encoding, options: &Options) -> Result<Self, Refusal> {
        let options = Options {
            delimiter: Some('\t'),
            header: Some(false),
            ..options.clone()
        };
        let mut table = Self::delimited(text, encoding, &options, false)?;
        let columns = &mut table.source.columns;
        for (column, name) in columns.iter_mut().zip(fast_text::COLUMNS) {
            *column = name.to_owned();
        }
        table.source.notes = vec![
            "This is a file of fastText: words that begin with “__label__” are its labels.".into(),
        ];
        Ok(table)
    }

    fn json(text: String, encoding: Encoding, options: &Options) -> Result<Self, Refusal> {
        let mut rows = json_rows::read(&text)?;
        let chosen = options.text_column.is_some();
        let names_text = |name: &String| crate::names::text_rank(name).is_some();
        if rows.is_one_object && !chosen && !rows.tree.names.iter().any(names_text) {
            return Err(magic::is(
                "one JSON object",
                "rows are objects, one a line, such as {\"text\": \"…\", \"label\": \"…\"}",
            ));
        }
        let faults = std::mem::take(&mut rows.faults);
        let mut notes = std::mem::take(&mut rows.notes);
        if rows.tree.is_full {
            notes.push(
                "Not every field is a column: there are too many, or their names are too long."
                    .into(),
            );
        }
        let source = Source {
            format: if rows.is_lines {
                Format::Jsonl
            } else {
                Format::Json
            },
            encoding,
            delimiter: None,
            header: true,
            columns: std::mem::take(&mut rows.tree.names),
            rows: rows.starts.len() + faults.count(FindingKind::NotJson),
            guess: Columns::default(),
            unclear: None,
            notes,
        };
        Ok(Self {
            text,
            layout: Layout::Json(rows.tree),
            starts: rows.starts,
            numbers: rows.numbers,
            faults,
            source,
        })
    }

    fn conll(text: String, encoding: Encoding, shape: Shape) -> Self {
        let (mut starts, mut numbers) = (Vec::new(), Vec::new());
        let mut faults = RowFindings::default();
        for (start, number, sound) in shape.sentences(&text) {
            if sound {
                starts.push(u32::try_from(start).unwrap_or(u32::MAX));
                numbers.push(number);
            } else {
                faults.add(FindingKind::NotTagged, number);
            }
        }
        let source = Source {
            format: Format::Conll,
            encoding,
            delimiter: None,
            header: true,
            columns: vec!["words".into(), "tags".into()],
            rows: starts.len() + faults.count(FindingKind::NotTagged),
            guess: Columns::default(),
            unclear: None,
            notes: Vec::new(),
        };
        Self {
            text,
            layout: Layout::Conll(shape),
            starts,
            numbers,
            faults,
            source,
        }
    }

    /// `quoted` is whether cells may stand between quotes.
    fn delimited(
        text: String,
        encoding: Encoding,
        options: &Options,
        quoted: bool,
    ) -> Result<Self, Refusal> {
        let mut notes = Vec::new();
        let (said, base) = match sniff::sep_line(&text) {
            Some((delimiter, next)) => (Some(delimiter), next),
            None => (None, 0),
        };
        let body = &text[base..];
        let delimiter = match options.delimiter {
            Some(delimiter) if sniff::is_delimiter(delimiter) => u8::try_from(delimiter).ok(),
            Some(other) => {
                return Err(Refusal::new(
                    "option_invalid",
                    format!(
                        "{other:?} cannot stand between cells: the delimiter is one character such as , ; | or a tab."
                    ),
                ));
            }
            None => said.or_else(|| sniff::delimiter(body, options.name.as_deref())),
        };
        let mut dialect = Dialect {
            quoted,
            ..Dialect::of(delimiter)
        };
        let mut habits = None;
        if let Some(delimiter) = delimiter.filter(|_| quoted) {
            let width = sniff::usual_width(body, dialect);
            habits = Habits::of(body, delimiter, width);
            dialect = sniff::dialect(body, delimiter, width, habits.as_ref());
            if dialect.escaped {
                notes.push("Backslashes stand before quotes in this file.".to_owned());
            }
            if dialect.quote == b'\'' {
                notes.push("Cells of this file stand between single quotes.".to_owned());
            }
            if !dialect.quoted {
                notes.push(
                    "Quotes in this file are characters like others: its cells are not quoted."
                        .to_owned(),
                );
            }
        }
        let first = sniff::first_records(body, dialect, habits.as_ref());
        let usual = sniff::usual_width(body, dialect);
        let mut above = match options.header {
            Some(false) => 0,
            _ => sniff::lines_above(&first, usual),
        };
        let header = options
            .header
            .unwrap_or_else(|| above > 0 || sniff::is_header(&first));
        // R writes no name above the names of the rows
        let unnamed = first.get(above).is_some_and(|names| {
            let rows = &first[(above + 1).min(first.len())..];
            let is_full = |row: &&Vec<Cow<'_, str>>| {
                row.len() == usual && row.last().is_some_and(|cell| !cell.trim().is_empty())
            };
            let full = rows.iter().filter(is_full).count();
            header && names.len() + 1 == usual && full > 0 && full * 10 >= rows.len() * 9
        });
        drop(first);
        if above > 0 {
            notes.push(match above {
                1 => "A line above the names of the columns was passed over.".to_owned(),
                _ => format!("{above} lines above the names of the columns were passed over."),
            });
        }

        let mut end = None;
        let filled = memchr::memchr2_iter(b'\n', b'\r', body.as_bytes()).filter(|&at| {
            let before = end.replace(at);
            before.is_none_or(|before| before + 1 < at)
        });
        let lines = filled.count();
        let (mut starts, mut numbers) = (Vec::new(), Vec::new());
        starts.reserve_exact(lines + 1);
        numbers.reserve_exact(lines + 1);
        let mut faults = RowFindings::default();
        let mut names: Option<Vec<String>> = (!header).then(Vec::new);
        let mut width = usual;
        let mut pieces = Pieces::keeping(MOST_COLUMNS);
        let mut scanner = Scanner::new(&text, base, dialect, habits.as_ref());
        while let Some(found) = scanner.next(&mut pieces) {
            if found.misquoted {
                faults.add(FindingKind::Misquoted, found.number);
                continue;
            }
            let filled = pieces.width(&text);
            if filled == 0 {
                continue;
            }
            if above > 0 {
                above -= 1;
                continue;
            }
            if delimiter == Some(b'|') && sniff::is_rule(&text, found.start) {
                continue;
            }
            if names.is_none() {
                let cells = pieces.as_slice().iter();
                names = Some(cells.map(|cell| column_name(&cell.text(&text))).collect());
                width = pieces.count;
                if let Some(names) = names.as_mut().filter(|_| unnamed) {
                    names.insert(0, String::new());
                    width += 1;
                }
                continue;
            }
            // a delimiter inside a text that is not quoted: which cell is which can no longer be told
            if filled > width {
                faults.add(FindingKind::TooWide, found.number);
                continue;
            }
            starts.push(u32::try_from(found.start).unwrap_or(u32::MAX));
            numbers.push(found.number);
        }
        starts.shrink_to_fit();
        numbers.shrink_to_fit();
        if width > MOST_COLUMNS {
            notes.push(format!(
                "Only the first {MOST_COLUMNS} of {width} columns are read."
            ));
        }
        let mut names = names.unwrap_or_default();
        names.resize(width.min(MOST_COLUMNS), String::new());
        for (index, name) in names
            .iter_mut()
            .enumerate()
            .filter(|(_, name)| name.is_empty())
        {
            *name = format!("Column {}", index + 1);
        }
        let bad = faults.count(FindingKind::Misquoted) + faults.count(FindingKind::TooWide);
        let source = Source {
            format: match delimiter {
                None => Format::Lines,
                Some(b'\t') => Format::Tsv,
                Some(_) => Format::Csv,
            },
            encoding,
            delimiter: delimiter.map(char::from),
            header,
            columns: names,
            rows: starts.len() + bad,
            guess: Columns::default(),
            unclear: None,
            notes,
        };
        Ok(Self {
            text,
            layout: Layout::Delimited {
                dialect,
                habits,
                base,
            },
            starts,
            numbers,
            faults,
            source,
        })
    }

    /// What was found out about the file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Number of rows that can be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// What the labels of these columns seem to say.
    #[must_use]
    pub fn propose(&self, columns: &Columns) -> Proposal {
        self.form(columns).proposal()
    }

    /// The rows to train on, and what was found.
    #[must_use]
    pub fn inspect(&self, choice: &Choice) -> Looked {
        inspect::inspect(self, choice)
    }

    /// Texts to classify (their labels are empty), and the index of each among the table's rows. Rows without a text,
    /// or without the second text of a pair, are left out.
    #[must_use]
    pub fn texts(&self, columns: &Columns) -> (Rows, Vec<u32>) {
        inspect::texts(self, columns)
    }

    /// The table as spreadsheets open it, with further cells beside the rows of these indices. Cells are separated as in the
    /// file, or by commas where the file has no cells.
    #[must_use]
    pub fn answered(&self, rows: &[u32], header: &[String], cells: &[Vec<String>]) -> String {
        writer::answered(self, rows, header, cells)
    }

    /// The lines of the file, from 1, in which rows of these numbers begin.
    #[must_use]
    pub fn lines(&self, numbers: &[u32]) -> Vec<u32> {
        let (base, dialect, habits) = match &self.layout {
            Layout::Delimited {
                base,
                dialect,
                habits,
            } => (*base, *dialect, habits.as_ref()),
            _ if self.source.format == Format::Json => return self.lines_of_list(numbers),
            _ => return numbers.to_vec(),
        };
        let mut wanted: Vec<(u32, usize)> = numbers.iter().copied().zip(0..).collect();
        wanted.sort_unstable();
        let mut wanted = wanted.into_iter().peekable();
        let mut lines = numbers.to_vec();
        let mut pieces = Pieces::keeping(0);
        let mut counter = LineCounter::default();
        let mut scanner = Scanner::new(&self.text, base, dialect, habits);
        while wanted.peek().is_some()
            && let Some(found) = scanner.next(&mut pieces)
        {
            while let Some((_, place)) = wanted.next_if(|(number, _)| *number == found.number) {
                lines[place] = counter.line(&self.text, found.start);
            }
        }
        lines
    }

    /// Said of chosen columns whose names others have as well.
    fn same_names(&self) -> impl Iterator<Item = String> {
        let Columns {
            text, text2, label, ..
        } = self.source.guess;
        let chosen = [Some(text), text2, label].into_iter().flatten();
        chosen.filter_map(|column| {
            let names = &self.source.columns;
            let name = names.get(column)?;
            let other = names.iter().position(|other| other == name);
            let others = names.iter().filter(|other| *other == name).count();
            (other.is_some() && others > 1).then(|| {
                format!(
                    "{others} columns are called “{name}”: column {} is read. A column can be chosen by its number.",
                    column + 1
                )
            })
        })
    }

    /// Said of annotations of Prodigy that were not accepted.
    fn turned_down(&self) -> Option<String> {
        let names = &self.source.columns;
        let column = names.iter().position(|name| name == "answer")?;
        let annotated = names
            .iter()
            .any(|name| matches!(&**name, "spans" | "accept" | "_task_hash" | "_input_hash"));
        if !annotated || self.source.guess.label == Some(column) {
            return None;
        }
        let mut cursor = self.cursor();
        let refused = (0..self.len()).filter(|&row| {
            let cell = cursor.row(row).get(column);
            cell.is_some_and(|cell| matches!(&*cell.shown(), "reject" | "ignore"))
        });
        let count = refused.count();
        (count > 0).then(|| {
            format!(
                "“answer” says “reject” or “ignore” in {count} rows, which are read like the others: take them out if their labels are wrong."
            )
        })
    }

    fn lines_of_list(&self, numbers: &[u32]) -> Vec<u32> {
        let line = |&number: &u32| {
            let row = self.row_of(number)?;
            let start = self.starts[row] as usize;
            Some(LineCounter::default().line(&self.text, start))
        };
        numbers
            .iter()
            .map(|number| line(number).unwrap_or(*number))
            .collect()
    }

    /// The index of the row with a number.
    pub(crate) fn row_of(&self, number: u32) -> Option<usize> {
        self.numbers.binary_search(&number).ok()
    }

    pub(crate) fn number(&self, row: usize) -> u32 {
        self.numbers.get(row).copied().unwrap_or_default()
    }

    /// Whether there are bytes in the file that are no characters.
    pub(crate) fn has_damage(&self) -> bool {
        // a JSON file may write the character that stands for them as an escape
        let is_json = matches!(self.layout, Layout::Json(_));
        is_json || memchr::memmem::find(self.text.as_bytes(), "\u{fffd}".as_bytes()).is_some()
    }

    pub(crate) fn faults(&self) -> &RowFindings {
        &self.faults
    }

    pub(crate) fn is_conll(&self) -> bool {
        matches!(self.layout, Layout::Conll(_))
    }

    pub(crate) fn form(&self, columns: &Columns) -> Form {
        match &self.layout {
            Layout::Conll(shape) if columns.label == Some(1) => {
                Form::of_tags(shape.has_span_tags())
            }
            _ => Form::of(self, columns),
        }
    }

    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            table: self,
            pieces: Pieces::keeping(self.source.columns.len()),
            values: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Whether any row has something in a column.
    pub(crate) fn any_filled(&self, column: usize) -> bool {
        let mut cursor = self.cursor();
        (0..self.len()).any(|row| {
            let cell = cursor.row(row).get(column);
            cell.is_some_and(|cell| !cell.shown().trim().is_empty())
        })
    }

    /// At most so many rows from all over the file: those at its start may all be of one class.
    pub(crate) fn sample(&self, most: usize) -> impl Iterator<Item = usize> {
        let count = self.len();
        let taken = count.min(most);
        (0..taken).map(move |index| index * count / taken)
    }

    /// The column of this name, path or number from 1.
    pub(crate) fn column(&self, wanted: &str, option: &str) -> Result<usize, Refusal> {
        let names = &self.source.columns;
        let same = |name: &String| name.trim().eq_ignore_ascii_case(wanted.trim());
        let number = || wanted.trim().parse::<usize>().ok()?.checked_sub(1);
        let found = names.iter().position(|name| name == wanted);
        let found = found.or_else(|| names.iter().position(same));
        found
            .or_else(number)
            .filter(|&column| column < names.len())
            .ok_or_else(|| {
                Refusal::new(
                    "columns_unclear",
                    format!(
                        "There is no column “{wanted}” ({option}): the columns are {}.",
                        self.column_names()
                    ),
                )
            })
    }

    /// The names of the columns, for a sentence.
    #[must_use]
    pub fn column_names(&self) -> String {
        let names: Vec<&str> = self.source.columns.iter().map(String::as_str).collect();
        name_labels(&names)
    }

    /// The column of labels; several with commas between them are one a label.
    pub(crate) fn label_columns(&self, wanted: &str) -> Result<Vec<usize>, Refusal> {
        let option = "--label-column";
        match self.column(wanted, option) {
            Ok(column) => Ok(vec![column]),
            Err(refusal) if !wanted.contains(',') => Err(refusal),
            Err(_) => wanted
                .split(',')
                .map(|name| self.column(name, option))
                .collect(),
        }
    }
}

/// Reads rows of a table, one at a time.
pub(crate) struct Cursor<'a> {
    table: &'a Table,
    pieces: Pieces,
    values: Vec<Value<'a>>,
    cells: Vec<Cell<'a>>,
}

impl<'a> Cursor<'a> {
    /// The cells of a row, as many as there are columns.
    pub(crate) fn row(&mut self, row: usize) -> &[Cell<'a>] {
        let table = self.table;
        let text = &*table.text;
        let start = table
            .starts
            .get(row)
            .map_or(text.len(), |&start| start as usize);
        let width = table.source.columns.len();
        self.cells.clear();
        match &table.layout {
            Layout::Delimited { dialect, .. } => {
                let mut scanner = Scanner::new(text, start, *dialect, None);
                scanner.next(&mut self.pieces);
                let cells = (0..width).map(|index| Cell::Text(self.pieces.get(index).text(text)));
                self.cells.extend(cells);
            }
            Layout::Json(tree) => {
                self.values.clear();
                self.values.resize(width, Value::Missing);
                if let Some(Value::Object(object)) = Reader::at(text, start).value() {
                    tree.fill(object, &mut self.values);
                }
                self.cells
                    .extend(self.values.iter().map(|value| Cell::of(*value)));
            }
            Layout::Conll(shape) => {
                let (words, tags) = shape.sentence(text, start);
                self.cells.push(Cell::Text(words.into()));
                self.cells.push(Cell::Text(tags.join(" ").into()));
            }
        }
        &self.cells
    }
}
