//! The floors hold: no module uses one above it, unsafe code stays in the kernels, and what knows of adapters knows of
//! no particular model.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each module of `src/lib.rs` stands on. `error` is below all of them and is used by all.
const FLOORS: [(&str, u32); 20] = [
    ("error", 0),
    ("kernels", 0),
    ("tensor", 0),
    ("ops", 1),
    ("input", 1),
    ("torch_file", 0),
    ("json", 0),
    ("order", 0),
    ("tensor_file", 1),
    ("model", 2),
    ("params", 3),
    ("adapter", 4),
    ("head", 4),
    ("compose", 4),
    ("train", 5),
    ("engine", 5),
    ("hub", 5),
    ("conversion", 5),
    ("web", 6),
    ("cli", 6),
];

/// Neighbours that may use one another: an adapter's file holds its head, a head's parameters are an adapter's, a
/// composition is of adapters and their heads, training judges answers as the engine gives them, and a conversion loads
/// what it writes and lists it in a manifest.
const NEIGHBOURS: [(&str, &str); 7] = [
    ("adapter", "head"),
    ("head", "adapter"),
    ("compose", "adapter"),
    ("compose", "head"),
    ("train", "engine"),
    ("conversion", "engine"),
    ("conversion", "hub"),
];

/// Modules that use less than their floor allows.
const ONLY_ERROR: [&str; 2] = ["hub", "kernels"];

/// A Rust file without comments and tests, its strings apart.
struct Source {
    /// Below `src`.
    path: PathBuf,
    /// Identifiers and punctuation; a string literal is one token that starts with a quote.
    tokens: Vec<String>,
}

impl Source {
    /// `adapter` for `src/adapter/format/peft.rs` and for `src/adapter.rs`.
    fn module(&self) -> &str {
        let first = self.path.iter().next().unwrap().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super` lead from the file's own module to the root of the crate.
    fn depth(&self) -> usize {
        let named = self.path.file_name().unwrap() != "mod.rs";
        self.path.iter().count() - 1 + usize::from(named)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<Source> {
    fn collect(folder: &Path, top: &Path, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, top, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(top).unwrap().to_owned();
                found.push(Source {
                    path,
                    tokens: without_tests(tokens(&text)),
                });
            }
        }
    }
    let mut found = Vec::new();
    let top = root().join(below);
    collect(&top, &top, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    // the two that put the crate together stand on no floor, and tests may reach anywhere
    found.retain(|source| {
        let name = source.path.file_name().unwrap().to_str().unwrap();
        let is_test = name == "testing.rs" || name.ends_with("tests.rs");
        let is_root = source.path == Path::new("lib.rs") || source.path == Path::new("main.rs");
        !is_test && !is_root
    });
    found
}

/// Cuts Rust into tokens and drops comments. Knows strings (raw ones too), characters and lifetimes, so that a quote or
/// a slash inside one misleads nobody.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            continue;
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        } else if rest.starts_with("/*") {
            rest = &rest[block_comment(rest)..];
            continue;
        } else if let Some(length) = string(rest) {
            length
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    tokens
}

/// Length of a comment, with those inside it.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().unwrap().len_utf8();
        }
        if depth == 0 {
            return at;
        }
    }
}

/// Length of a string literal, if one begins here.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = text.strip_prefix(prefix);
        after.is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
            && (prefix.ends_with('r') || after.is_some_and(|after| after.starts_with('"')))
    })?;
    let after = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = prefix.len() + hashes + 1;
        return Some(body + text[body..].find(&end).unwrap() + end.len());
    }
    let mut escaped = false;
    for (at, c) in after.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    panic!("a string without an end: {text}");
}

/// Length of a character literal, or of a lifetime's quote.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').unwrap() + 4,
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// Drops every item behind `#[cfg(test)]`, and `#[cfg(doc)]`, which only links from comments.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let attribute = |what: &'static str| ["#", "[", "cfg", "(", what, ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        let dropped = ["test", "doc"].into_iter().any(|what| {
            rest.len() >= 7 && rest[..7].iter().map(String::as_str).eq(attribute(what))
        });
        if !dropped {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // the item ends with the first `;` outside braces, or with its closing brace
        at += 7;
        let (mut depth, mut is_use) = (0, false);
        loop {
            let token = tokens[at].as_str();
            at += 1;
            match token {
                "use" if depth == 0 => is_use = true,
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if depth == 0 && !is_use {
                        break;
                    }
                }
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

/// The modules of the crate's root that a file names, through `crate::` or enough `super::`.
fn used(source: &Source) -> BTreeSet<String> {
    let tokens: Vec<&str> = source.tokens.iter().map(String::as_str).collect();
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        at += 1;
        let mut next = match tokens[start] {
            "crate" => start + 1,
            "super" => {
                let mut count = 1;
                let mut next = start + 1;
                while tokens[next..].starts_with(&[":", ":", "super"]) {
                    (count, next) = (count + 1, next + 3);
                }
                at = next;
                if count < source.depth() {
                    continue;
                }
                next
            }
            _ => continue,
        };
        // `pub(crate)` is no path
        if !tokens[next..].starts_with(&[":", ":"]) {
            continue;
        }
        next += 2;
        if tokens[next] != "{" {
            found.insert(tokens[next].to_owned());
            continue;
        }
        let (mut depth, mut is_first) = (1, true);
        next += 1;
        while depth > 0 {
            match tokens[next] {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => is_first = true,
                name if depth == 1 && is_first => {
                    found.insert(name.to_owned());
                    is_first = false;
                }
                _ => {}
            }
            next += 1;
        }
    }
    found
}

fn floors() -> BTreeMap<&'static str, u32> {
    FLOORS.into()
}

/// Why `module` may not use `other`, if it may not.
fn refusal(module: &str, other: &str) -> Option<String> {
    let floors = floors();
    let Some(own) = floors.get(module) else {
        return Some(format!("{module} has no floor in this test"));
    };
    // what the root re-exports is `error`'s
    let other = if ["Error", "Result"].contains(&other) {
        "error"
    } else {
        other
    };
    if other == module || other == "error" {
        return None;
    }
    let Some(floor) = floors.get(other) else {
        return Some(format!("{other} has no floor in this test"));
    };
    if ONLY_ERROR.contains(&module) {
        return Some(format!("{module} knows only error, not {other}"));
    }
    let allowed = floor < own || NEIGHBOURS.contains(&(module, other));
    (!allowed).then(|| format!("{module} (floor {own}) uses {other} (floor {floor})"))
}

#[test]
fn no_module_uses_a_higher_floor() {
    let mut uses = 0;
    let mut refused = Vec::new();
    for source in sources("src") {
        for other in used(&source) {
            uses += 1;
            if let Some(reason) = refusal(source.module(), &other) {
                refused.push(format!("src/{}: {reason}", source.path.display()));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(uses > 50, "only {uses} uses were found");
}

#[test]
fn every_module_has_a_floor_here_and_in_the_front_page() {
    let front = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let listed: BTreeSet<&str> = floors().into_keys().collect();
    let declared: Vec<String> = {
        let tokens = tokens(&front);
        let modules = tokens
            .windows(3)
            .filter(|window| window[0] == "mod" && window[2] == ";");
        modules.map(|window| window[1].clone()).collect()
    };
    for module in &declared {
        assert!(
            listed.contains(module.as_str()),
            "{module} has no floor in this test"
        );
        if module != "error" {
            let floor = floors()[module.as_str()];
            let row = |name: &str| format!("//! | {floor} | {name} |");
            let (link, code) = (row(&format!("[`{module}`]")), row(&format!("`{module}`")));
            assert!(
                front.contains(&link) || front.contains(&code),
                "{module} has no row in lib.rs"
            );
        }
    }
    assert!(declared.len() >= 11, "{declared:?}");
}

#[test]
fn unsafe_code_stays_in_the_kernels() {
    let is_unsafe = |source: &Source| source.tokens.iter().any(|token| token == "unsafe");
    for source in sources("src") {
        let path = source.path.display();
        assert!(!is_unsafe(&source), "src/{path} has unsafe code");
    }
    assert!(
        sources("kernels/src").iter().any(is_unsafe),
        "the kernels' own unsafe code is not found"
    );
}

#[test]
fn every_kind_has_its_row() {
    let kinds = sources("src")
        .iter()
        .filter(|source| source.module() == "adapter")
        .filter(|source| {
            source
                .tokens
                .windows(4)
                .any(|t| t == ["static", "KIND", ":", "Kind"])
        })
        .count();
    assert_eq!(kinds, graftlet::adapter::KINDS.len());
    let names: BTreeSet<&str> = graftlet::adapter::KINDS
        .iter()
        .map(|kind| kind.name)
        .collect();
    assert_eq!(names.len(), kinds, "two kinds have one name");
    let presets: Vec<&str> = graftlet::adapter::presets()
        .map(|preset| preset.name)
        .collect();
    assert_eq!(
        presets.iter().collect::<BTreeSet<_>>().len(),
        presets.len(),
        "{presets:?}"
    );
}

#[test]
fn every_preset_stands_in_the_readme() {
    let Ok(readme) = std::fs::read_to_string(root().join("README.md")) else {
        eprintln!("skipped: there is no README.md yet");
        return;
    };
    let words: BTreeSet<String> = readme
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .map(str::to_lowercase)
        .collect();
    for preset in graftlet::adapter::presets() {
        assert!(
            words.contains(preset.name),
            "README.md does not mention {}",
            preset.name
        );
    }
}

// ---- the reader of sources itself

fn fake(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        tokens: without_tests(tokens(text)),
    }
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let of = |path: &str, text: &str| used(&fake(path, text)).into_iter().collect::<Vec<_>>();
    assert_eq!(of("ops/mod.rs", "use crate::engine::Engine;"), ["engine"]);
    assert_eq!(
        of("ops/mod.rs", "use crate::{a::{x, y}, b, c::*};"),
        ["a", "b", "c"]
    );
    assert_eq!(of("ops/mod.rs", "fn f(x: crate::train::Row) {}"), ["train"]);
    assert_eq!(of("ops/gelu.rs", "use super::super::train;"), ["train"]);
    assert_eq!(
        of("ops/mod.rs", "use super::{train, head::X};"),
        ["head", "train"]
    );
    assert_eq!(of("engine.rs", "use super::hub;"), ["hub"]);
    assert_eq!(
        of("adapter/format/peft.rs", "use super::super::super::cli;"),
        ["cli"]
    );
    assert!(of("ops/gelu.rs", "use super::elements; pub(crate) fn f() {}").is_empty());
    assert!(
        of(
            "ops/mod.rs",
            "// use crate::cli;\n/* crate::web /* x */ crate::web */"
        )
        .is_empty()
    );
    let tests = "#[cfg(test)] mod tests { use crate::cli; fn f() { {} } } use crate::input::text;";
    assert_eq!(of("ops/mod.rs", tests), ["input"]);
    assert_eq!(
        of(
            "ops/mod.rs",
            "#[cfg(test)] use crate::{cli, web}; use crate::input::text;"
        ),
        ["input"]
    );
    assert_eq!(
        of(
            "ops/mod.rs",
            "#[cfg(test)] mod testing; use crate::input::text;"
        ),
        ["input"]
    );
    let quotes = r###"const A: &str = "\"// crate::x"; const B: char = '"'; const C: char = '\'';
        fn f<'a>(x: &'a str) { r#"crate::y" "#; b"crate::z"; } use crate::input::text;"###;
    assert_eq!(of("ops/mod.rs", quotes), ["input"]);
}

#[test]
fn upward_uses_are_refused() {
    for (module, other) in [
        ("kernels", "ops"),
        ("kernels", "kernels2"),
        ("ops", "model"),
        ("input", "tensor_file"),
        ("model", "adapter"),
        ("adapter", "train"),
        ("head", "engine"),
        ("engine", "train"),
        ("hub", "input"),
        ("train", "cli"),
        ("cli", "web"),
        ("unheard", "error"),
    ] {
        assert!(refusal(module, other).is_some(), "{module} may use {other}");
    }
    for (module, other) in [("train", "engine"), ("adapter", "head"), ("hub", "Error")] {
        assert!(
            refusal(module, other).is_none(),
            "{module} may not use {other}"
        );
    }
}
