//! Source files are short enough to be read in one go.

use std::path::Path;

use super::sources::root;

/// Most lines of a source file.
const MOST_LINES: usize = 400;

/// Extensions of source files.
const EXTENSIONS: [&str; 7] = ["rs", "ts", "tsx", "mjs", "sh", "py", "css"];

/// Folders whose files are built, fetched or data.
const NO_SOURCES: [&str; 8] = [
    "dist",
    "fixtures",
    "node_modules",
    "pkg",
    "playwright-report",
    "public",
    "target",
    "test-results",
];

/// Files that may be longer, each with its reason.
const TABLES: &[(&str, &str)] = &[(
    "src/error.rs",
    "a table: the variant, the sentence and the code of each error",
)];

/// The files below a folder that have more lines than they may, as `path: lines`. Paths are relative to `root`.
fn too_long(root: &Path, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && !NO_SOURCES.contains(&name) {
                found.append(&mut too_long(root, &path));
            }
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            continue;
        }
        let short = path.strip_prefix(root).unwrap().to_str().unwrap();
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let is_table = TABLES.iter().any(|(table, _)| *table == short);
        if lines > MOST_LINES && !is_table {
            found.push(format!("{short}: {lines}"));
        }
    }
    found.sort();
    found
}

#[test]
fn no_source_file_is_long() {
    let found = too_long(root(), root());
    assert!(
        found.is_empty(),
        "these files have more than {MOST_LINES} lines; split each by concept:\n{}",
        found.join("\n")
    );
}

/// A file that is short again needs no exception.
#[test]
fn every_exception_is_needed() {
    for (table, reason) in TABLES {
        let text = std::fs::read_to_string(root().join(table)).unwrap();
        assert!(text.lines().count() > MOST_LINES, "{table}: {reason}");
    }
}

#[test]
fn a_long_file_is_found_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, lines: usize| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "// a line\n".repeat(lines)).unwrap();
    };
    write("src/short.rs", MOST_LINES);
    write("src/deep/long.rs", MOST_LINES + 1);
    write("www/app/styles/long.css", MOST_LINES + 1);
    write("tests/fixtures/made.py", MOST_LINES + 1);
    write("www/node_modules/other/index.mjs", MOST_LINES + 1);
    write("docs/long.md", MOST_LINES + 1);
    write("src/error.rs", MOST_LINES + 1);
    assert_eq!(
        too_long(folder.path(), folder.path()),
        ["src/deep/long.rs: 401", "www/app/styles/long.css: 401"]
    );
}
