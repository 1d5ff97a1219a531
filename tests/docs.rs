//! The documents hold: their links lead somewhere, the paths they name exist, and their commands run.
//!
//! Commands of graftlet in a block of `sh` are run as they stand, on a tiny model and a few rows under the names that the
//! documents use. Commands of other programs are too long or need a network; of those the test checks that the verb,
//! target, script and options exist.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

#[path = "support/markdown.rs"]
mod markdown;
#[path = "support/shell.rs"]
mod shell;
#[path = "support/workspace.rs"]
mod workspace;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

use markdown::{Block, Page, files, pages};
use shell::{commands, faults, is_command, is_placeholder, without_variables};
use workspace::Workspace;

/// Files whose commands of graftlet are parsed and not run, and why.
const NOT_RUN: [(&str, &str); 2] = [
    (
        "www/public/adapters",
        "the data sets that the adapters were trained on are not in the repository",
    ),
    (
        "docs/sounds-and-pictures.md",
        "the models and recordings are not in the repository; tests/cli runs the same commands on tiny ones",
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn at(page: &Page, line: usize, fault: &str) -> String {
    format!("{}:{line}: {fault}", page.path.display())
}

// ---- links and paths

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

fn broken_links(root: &Path, pages: &[Page]) -> Vec<String> {
    let by_path: BTreeMap<&Path, &Page> = pages
        .iter()
        .map(|page| (page.path.as_path(), page))
        .collect();
    let mut broken = Vec::new();
    for page in pages {
        for (line, link) in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => plain(&page.path.parent().unwrap().join(file)),
            };
            if !root.join(&target).exists() && !by_path.contains_key(target.as_path()) {
                broken.push(at(page, *line, &format!("{link} leads to no file")));
            } else if !fragment.is_empty()
                && !by_path
                    .get(target.as_path())
                    .is_some_and(|page| page.anchors.contains(fragment))
            {
                broken.push(at(page, *line, &format!("{link} leads to no heading")));
            }
        }
    }
    broken
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages(root());
    assert!(pages.iter().map(|page| page.links.len()).sum::<usize>() > 40);
    none(&broken_links(root(), &pages));
}

#[test]
fn a_broken_link_is_found() {
    let text = "# Two words, `code`\n\n[a](#two-words-code) [b](../README.md) [c](https://x.example/y)\n\
                [d](gone.md) [e](#gone)\n\n| ![f](gone.png) |\n| --- |\n| [g](../README.md#gone) |\n";
    let other = Page::new("README.md", "# graftlet\n");
    let page = Page::new("docs/page.md", text);
    let found = broken_links(root(), &[page, other]);
    let expected = [
        "docs/page.md:4: gone.md leads to no file",
        "docs/page.md:4: #gone leads to no heading",
        "docs/page.md:6: gone.png leads to no file",
        "docs/page.md:8: ../README.md#gone leads to no heading",
    ];
    assert_eq!(found, expected);
}

/// Endings of files that documents name, with or without the folders they are in.
const SOURCES: [&str; 6] = [".rs", ".ts", ".tsx", ".mjs", ".py", ".sh"];

/// Folders that paths in the documents begin with.
const FOLDERS: [&str; 10] = [
    "src/", "tests/", "kernels/", "rows/", "www/", "scripts/", "docs/", "benches/", "fuzz/",
    "hosting/",
];

/// What commands make, which the repository need not have.
const NOT_HERE: [&str; 6] = [
    "www/dist",
    "www/node_modules",
    "www/public/models",
    "fuzz/corpus",
    "fuzz/artifacts",
    "docs/soak-kills.md",
];

fn missing_paths(files: &[PathBuf], pages: &[Page]) -> Vec<String> {
    let mut missing = Vec::new();
    for page in pages {
        for (line, code) in &page.inline {
            let is_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let is_source = SOURCES.iter().any(|ending| code.ends_with(ending));
            let stands_for_others = |part: &str| {
                part.starts_with('.') || is_placeholder(part.split('.').next().unwrap())
            };
            if !(is_source || FOLDERS.iter().any(|folder| code.starts_with(folder)))
                || !code.chars().all(is_path)
                || code.split('/').any(stands_for_others)
                || NOT_HERE.iter().any(|made| code.starts_with(made))
            {
                continue;
            }
            let named = Path::new(code);
            let is_it = |file: &PathBuf| {
                let names_a_folder = file.starts_with(named) || { page.path.parent() }
                    .is_some_and(|near| file.starts_with(near.join(named)));
                names_a_folder || is_source && file.ends_with(named)
            };
            if !files.iter().any(is_it) {
                missing.push(at(page, *line, &format!("there is no {code}")));
            }
        }
    }
    missing
}

#[test]
fn every_path_that_a_document_names_exists() {
    let files = files(root());
    none(&missing_paths(&files, &pages(root())));
    let text = "`src/lib.rs`, `src/gone.rs`, `head/about.rs`, `gone/mod.rs`, `about.rs`, `gone.ts`, `src/head/`, \
                `src/gone/`, `src/head/NAME.rs`, `www/dist/x.js`, `src`, `tests/*.rs`, `.ts`";
    let found = missing_paths(&files, &[Page::new("README.md", text)]);
    let gone = ["src/gone.rs", "gone/mod.rs", "gone.ts", "src/gone/"];
    assert_eq!(
        found,
        gone.map(|code| format!("README.md:1: there is no {code}"))
    );
}

/// Floors by module: of ARCHITECTURE.md, or of the first lines of `src/lib.rs`.
fn floors(text: &str) -> BTreeMap<String, u32> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.trim_start_matches("//! ").split('|').map(str::trim);
        let (_, floor, module) = (cells.next()?, cells.next()?, cells.next()?);
        let module = module.trim_matches(['`', '[', ']', '/']);
        let module = module.trim_start_matches("src/").trim_end_matches(".rs");
        Some((module.to_owned(), floor.parse().ok()?))
    });
    rows.collect()
}

#[test]
fn the_floors_are_those_of_the_crate() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let found = floors(&read("ARCHITECTURE.md"));
    assert!(found.len() > 15);
    assert_eq!(found, floors(&read("src/lib.rs")));
}

#[test]
fn every_block_of_json_parses() {
    let mut count = 0;
    for page in pages(root()) {
        for block in page.blocks.iter().filter(|block| block.language == "json") {
            count += 1;
            let parsed = serde_json::from_str::<serde_json::Value>(&block.text);
            none(&Vec::from_iter(
                parsed
                    .err()
                    .map(|error| at(&page, block.line, &error.to_string())),
            ));
        }
    }
    assert!(count > 10, "{count}");
}

// ---- commands

fn graftlet(arguments: &[String]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_graftlet"));
    command.args(arguments).current_dir(folder.path());
    command.output().unwrap()
}

fn help(verb: &str) -> Option<String> {
    let output = graftlet(&[verb.to_owned(), "--help".to_owned()]);
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(text)
}

/// Whether a line is for the shell that runs graftlet.
fn is_run(line: &str) -> bool {
    let all = commands(line);
    let programs = all
        .iter()
        .filter_map(|words| without_variables(words).first());
    all.is_empty() || { programs }.all(|program| ["graftlet", "echo"].contains(&program.as_str()))
}

/// Blocks of commands without the lines that are run, and code in sentences: what is wrong with any of them.
fn command_faults(root: &Path, page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |line: usize, code: &str| {
        let new = faults(root, code, &help);
        found.extend(new.iter().map(|fault| at(page, line, fault)));
    };
    for block in &page.blocks {
        for (index, code) in block.text.lines().enumerate() {
            let line = block.line + 1 + index;
            if block.language == "sh" && !is_run(code) {
                look(line, code);
            }
        }
    }
    for (line, code) in &page.inline {
        if is_command(code) {
            look(*line, code);
        }
    }
    for block in page.blocks.iter().filter(|block| block.language.is_empty()) {
        if let Some(line) = block.text.lines().find(|line| is_command(line)) {
            let fault = format!("“{line}” is a command in a block that is not marked as sh");
            found.push(at(page, block.line, &fault));
        }
    }
    found
}

#[test]
fn every_command_that_is_not_run_exists() {
    let pages = pages(root());
    let found: Vec<String> = pages
        .iter()
        .flat_map(|page| command_faults(root(), page))
        .collect();
    none(&found);
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    for line in [
        "./build.sh gone",
        "./build.sh bench --gone",
        "cargo test --release --test gone",
        "cargo run --example gone",
        "cargo run --example long_texts -- --gone 3",
        "cargo bench --features gone --bench kernels",
        "cargo +nightly fuzz run gone",
        "cargo gone",
        "cd gone && npm install",
        "node scripts/gone.mjs",
        "node scripts/side-file.mjs --gone FOLDER",
        "npm run gone --prefix www",
        "cd www && npm run --silent gone",
        "npx gone",
        "python tests/python/gone.py",
        "graftlet gone",
        "graftlet train --gone",
        "curl x",
    ] {
        let page = Page::new("x.md", &format!("```sh\n\n{line} # a comment\n```\n"));
        let is_graftlet = line.starts_with("graftlet");
        let found = if is_graftlet {
            command_faults(root(), &Page::new("x.md", &format!("so `{line}`")))
        } else {
            command_faults(root(), &page)
        };
        assert_eq!(found.len(), 1, "{line}: {found:?}");
    }
    let page = Page::new("x.md", "```\n./build.sh test\n```\n");
    assert_eq!(command_faults(root(), &page).len(), 1);
    let good = "`WRITE=1 cargo test --test docs`, `cargo`, `node`, `graftlet inspect DIR --json`, \
                `cd www && npx playwright test NAME.spec.ts`, `./build.sh serve --port 1`";
    none(&command_faults(root(), &Page::new("x.md", good)));
}

/// The lines of a block that are for graftlet; empty if none is.
fn script(block: &Block) -> String {
    if block.language != "sh" || !block.text.contains("graftlet ") {
        return String::new();
    }
    block
        .text
        .lines()
        .filter(|line| is_run(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn every_command_of_graftlet_runs() {
    let mut count = 0;
    for page in pages(root()) {
        let scripts: Vec<(usize, String)> = { page.blocks.iter() }
            .map(|block| (block.line, script(block)))
            .filter(|(_, script)| !script.trim().is_empty())
            .collect();
        if scripts.is_empty() {
            continue;
        }
        count += 1;
        if NOT_RUN.iter().any(|(path, _)| page.path.starts_with(path)) {
            for (line, script) in &scripts {
                none(&unparsed(&page, *line, script));
            }
            continue;
        }
        let space = Workspace::new();
        for (line, script) in &scripts {
            let output = space.output(script);
            let errors = String::from_utf8_lossy(&output.stderr);
            let fault = at(&page, *line, &format!("the block fails:\n{errors}"));
            assert!(output.status.success(), "{fault}");
        }
    }
    assert!(count > 15, "{count}");
}

/// Commands whose arguments graftlet does not take: the parser ends with code 2, all else with 1.
fn unparsed(page: &Page, line: usize, script: &str) -> Vec<String> {
    let mut found = Vec::new();
    for words in script.lines().flat_map(commands) {
        let output = graftlet(&without_variables(&words)[1..]);
        if output.status.code() != Some(1) {
            let errors = String::from_utf8_lossy(&output.stderr);
            found.push(at(page, line, &errors));
        }
    }
    found
}

#[test]
fn a_command_that_fails_is_found() {
    let space = Workspace::new();
    for line in [
        "graftlet train --backbone b --data train.csv --kind gone --out x",
        "graftlet predict --backbone b --adapter adapters/gone < texts.txt",
        "graftlet gone",
        "graftlet inspect b --gone",
    ] {
        let page = Page::new("x.md", &format!("```sh\n{line}\necho done\n```\n"));
        assert!(
            !space.output(&script(&page.blocks[0])).status.success(),
            "{line}"
        );
    }
    space.run("echo \"it was good\" | graftlet predict --backbone b --adapter adapters/sst\n");
    let page = Page::new("x.md", "");
    assert_eq!(unparsed(&page, 1, "graftlet train --gone").len(), 1);
    none(&unparsed(
        &page,
        1,
        "graftlet train --backbone b --data x --kind lora --out y",
    ));
}
