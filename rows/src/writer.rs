//! Tables as spreadsheets open them: a byte-order mark, CRLF, and quotes where they are needed (RFC 4180). Cells are
//! separated as in the file that was read: the program that wrote it expects the same back.

use std::collections::HashMap;

use crate::table::Table;

/// The table with further cells beside the rows of these indices; the other rows have none.
pub(crate) fn answered(
    table: &Table,
    rows: &[u32],
    header: &[String],
    cells: &[Vec<String>],
) -> String {
    let mut csv = String::from('\u{feff}');
    let delimiter = table.source().delimiter.unwrap_or(',');
    let columns = table.source().columns.iter().chain(header);
    write_row(columns.map(String::as_str), delimiter, &mut csv);
    let added: HashMap<usize, &Vec<String>> =
        rows.iter().map(|&row| row as usize).zip(cells).collect();
    let mut cursor = table.cursor();
    for row in 0..table.len() {
        let own: Vec<_> = cursor
            .row(row)
            .iter()
            .map(|cell| cell.shown().into_owned())
            .collect();
        let further = added.get(&row);
        let further = (0..header.len()).map(|index| {
            let cell = further.and_then(|cells| cells.get(index));
            cell.map_or("", String::as_str)
        });
        let cells = own.iter().map(String::as_str).chain(further);
        write_row(cells, delimiter, &mut csv);
    }
    csv
}

fn write_row<'a>(cells: impl Iterator<Item = &'a str>, delimiter: char, csv: &mut String) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            csv.push(delimiter);
        }
        let edges = cell.starts_with(char::is_whitespace) || cell.ends_with(char::is_whitespace);
        if edges || cell.contains(['"', delimiter, '\r', '\n']) {
            csv.push('"');
            csv.push_str(&cell.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(cell);
        }
    }
    csv.push_str("\r\n");
}
