//! Rows, labels and counts as sentences name them.

/// “Row 4”, “Rows 4 and 9”, “31 rows (4, 9, 12, 13, 20, …)”.
#[must_use]
pub fn name_rows(rows: &[u32]) -> String {
    let joined = |rows: &[u32]| {
        rows.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match rows {
        [row] => format!("Row {row}"),
        [first @ .., last] if rows.len() <= 6 => format!("Rows {} and {last}", joined(first)),
        _ => format!(
            "{} rows ({}, …)",
            thousands(rows.len()),
            joined(&rows[..rows.len().min(5)])
        ),
    }
}

/// “a”, “a” and “b”; of many the first few.
#[must_use]
pub fn name_labels(labels: &[&str]) -> String {
    name_some(labels.iter().copied(), labels.len())
}

/// The first few of so many labels.
pub(crate) fn name_some<'a>(labels: impl Iterator<Item = &'a str>, count: usize) -> String {
    let shown = if count > 6 { 5 } else { 6 };
    let mut quoted: Vec<String> = labels
        .take(shown)
        .map(|label| format!("“{}”", cut(label)))
        .collect();
    let last = if count > 6 {
        Some(format!("{} more", thousands(count - 5)))
    } else {
        quoted.pop()
    };
    let last = last.unwrap_or_default();
    if quoted.is_empty() {
        last
    } else {
        format!("{} and {last}", quoted.join(", "))
    }
}

/// The start of a label that is too long for a sentence.
pub(crate) fn cut(label: &str) -> String {
    const MOST: usize = 60;
    if label.chars().count() <= MOST {
        return label.to_owned();
    }
    let start: String = label.chars().take(MOST - 1).collect();
    format!("{start}…")
}

/// A count with commas between thousands.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut said = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_listed_or_counted() {
        assert_eq!(name_rows(&[4]), "Row 4");
        assert_eq!(name_rows(&[4, 9]), "Rows 4 and 9");
        assert_eq!(name_rows(&[1, 2, 3, 4, 5, 6]), "Rows 1, 2, 3, 4, 5 and 6");
        assert_eq!(
            name_rows(&[1, 2, 3, 4, 5, 6, 7, 8]),
            "8 rows (1, 2, 3, 4, 5, …)"
        );
        let many: Vec<u32> = (1..=12_345).collect();
        assert_eq!(name_rows(&many), "12,345 rows (1, 2, 3, 4, 5, …)");
    }

    #[test]
    fn labels_are_listed_or_counted() {
        assert_eq!(name_labels(&["a"]), "“a”");
        assert_eq!(name_labels(&["a", "b"]), "“a” and “b”");
        let many = ["a", "b", "c", "d", "e", "f", "g", "h"];
        assert_eq!(name_labels(&many), "“a”, “b”, “c”, “d”, “e” and 3 more");
    }
}
