//! No module uses one above it.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Source, root, sources};

/// What each module of `src/lib.rs` stands on. `error` and the kernels, a package of their own, are below all of them.
const FLOORS: &[(&str, u32)] = &[
    ("error", 0),
    ("kernels", 0),
    ("tensor", 0),
    ("torch_file", 0),
    ("json", 0),
    ("order", 0),
    ("ops", 1),
    ("input", 1),
    ("tensor_file", 1),
    ("model", 2),
    ("params", 3),
    ("adapter", 4),
    ("head", 4),
    ("folder", 5),
    ("compose", 6),
    ("engine", 7),
    ("conversion", 8),
    ("hub", 7),
    ("listening", 8),
    ("train", 8),
    ("web", 9),
    ("cli", 9),
];

/// Modules that use less than their floor allows.
const ONLY_ERROR: [&str; 2] = ["hub", "kernels"];

/// Why `module` may not use `other`, if it may not.
fn refusal(module: &str, other: &str) -> Option<String> {
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let Some(own) = floors.get(module) else {
        return Some(format!("{module} has no floor in this test"));
    };
    // what the root re-exports is `error`'s
    let other = if ["Error", "Result"].contains(&other) {
        "error"
    } else {
        other
    };
    let is_kernels = other == "kernels" && !ONLY_ERROR.contains(&module);
    if other == module || other == "error" || is_kernels {
        return None;
    }
    let Some(floor) = floors.get(other) else {
        return Some(format!("{other} has no floor in this test"));
    };
    if ONLY_ERROR.contains(&module) {
        return Some(format!("{module} knows only error, not {other}"));
    }
    (floor >= own).then(|| format!("{module} (floor {own}) uses {other} (floor {floor})"))
}

fn refused(sources: &[Source]) -> Vec<String> {
    let mut refused = BTreeSet::new();
    for source in sources {
        for used in source.uses() {
            if let Some(reason) = refusal(&source.module()[0], &used[0]) {
                refused.insert(format!("src/{}: {reason}", source.path.display()));
            }
        }
    }
    refused.into_iter().collect()
}

#[test]
fn no_module_uses_a_higher_floor() {
    let refused = refused(&sources());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn a_use_of_a_higher_floor_is_found_wherever_it_stands() {
    for (path, text) in [
        ("ops/mod.rs", "use crate::engine::Engine;"),
        (
            "ops/mod.rs",
            "use crate::{tensor, tensor::{self, Tensor}, model::*};",
        ),
        ("ops/mod.rs", "fn f(x: crate::train::Row) {}"),
        (
            "ops/mod.rs",
            "fn f() { let x = vec![crate::train::row()]; }",
        ),
        (
            "ops/mod.rs",
            "fn f() { println!(\"{}\", super::train::row(1)); }",
        ),
        ("ops/gelu.rs", "use super::super::train;"),
        ("ops/mod.rs", "use super::{tensor, head::X};"),
        ("ops/mod.rs", "pub use crate::head::X as Y;"),
        ("ops/mod.rs", "impl crate::adapter::Adapter for X {}"),
        ("adapter/lora/peft.rs", "use super::super::super::folder;"),
        ("adapter/mod.rs", "use crate::head::Head;"),
        ("head/mod.rs", "use crate::adapter::Adapter;"),
        ("hub/mod.rs", "use crate::tensor::Tensor;"),
        ("unheard/mod.rs", "use crate::tensor::Tensor;"),
        ("engine/mod.rs", "use crate::unheard::X;"),
        ("engine/mod.rs", "use crate::train::Trainer;"),
    ] {
        assert_eq!(
            refused(&[Source::new(path, text)]).len(),
            1,
            "{path}: {text}"
        );
    }
    for (path, text) in [
        ("ops/gelu.rs", "use super::elements; pub(crate) fn f() {}"),
        (
            "ops/mod.rs",
            "// use crate::cli;\n/* crate::web /* x */ crate::web */",
        ),
        ("ops/mod.rs", "/// See [`crate::cli`].\nfn f() {}"),
        (
            "ops/mod.rs",
            "#[cfg(test)] mod tests { use crate::cli; fn f() { {} } } use crate::tensor::X;",
        ),
        ("ops/mod.rs", "#[cfg(test)] use crate::{cli, web};"),
        ("ops/mod.rs", "#[cfg(doc)] use crate::cli;"),
        (
            "ops/mod.rs",
            "fn f() { g(\"crate::cli\", '\\'', r#\"crate::web\"#); }",
        ),
        ("train/mod.rs", "use crate::{Error, engine::Engine};"),
        ("hub/mod.rs", "use crate::error::{Error, Result};"),
    ] {
        let found = refused(&[Source::new(path, text)]);
        assert!(found.is_empty(), "{path}: {text}: {found:?}");
    }
}

/// Modules of the crate's root without a floor in this test, or without a row in the table of the front page.
fn unlisted(front: &str) -> Vec<String> {
    let file = syn::parse_file(front).unwrap();
    let declared = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) => Some(item.ident.to_string()),
        _ => None,
    });
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let is_listed = |module: &String| {
        let Some(floor) = floors.get(module.as_str()) else {
            return false;
        };
        let row = |name: &str| format!("//! | {floor} | {name} |");
        let rows = [row(&format!("[`{module}`]")), row(&format!("`{module}`"))];
        module == "error" || rows.iter().any(|row| front.contains(row))
    };
    declared.filter(|module| !is_listed(module)).collect()
}

#[test]
fn every_module_has_a_floor_here_and_in_the_front_page() {
    let front = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    assert_eq!(unlisted(&front), [""; 0]);
    assert_eq!(unlisted("mod unheard;"), ["unheard"]);
    assert_eq!(
        unlisted("//! | 2 | [`ops`] | at a wrong floor |\n\nmod ops;"),
        ["ops"]
    );
}
