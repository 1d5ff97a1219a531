//! A kind of adapter is one file and one row.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

use super::sources::{Source, attributes, is_for_tests, root, sources};

/// Files that have a kind's row.
fn kinds(sources: &[Source]) -> usize {
    let is_row = |item: &syn::Item| matches!(item, syn::Item::Static(item) if item.ident == "KIND");
    let adapters = sources
        .iter()
        .filter(|source| source.module()[0] == "adapter");
    adapters
        .filter(|source| source.file.items.iter().any(is_row))
        .count()
}

/// A kind is one file and one row of the table.
#[test]
fn every_kind_has_its_row() {
    assert_eq!(kinds(&sources()), graftlet::adapter::KINDS.len());
    let row = "pub(super) static KIND: Kind = Kind { name: \"x\" };";
    assert_eq!(
        kinds(&[
            Source::new("adapter/x.rs", row),
            Source::new("adapter/y.rs", "")
        ]),
        1
    );
    let names: Vec<&str> = { graftlet::adapter::KINDS.iter() }
        .map(|kind| kind.name)
        .collect();
    assert_eq!(twice(&names), [""; 0]);
    let presets: Vec<&str> = graftlet::adapter::presets()
        .map(|preset| preset.name)
        .collect();
    assert_eq!(twice(&presets), [""; 0]);
    assert_eq!(twice(&["lora", "ia3", "lora"]), ["lora"]);
}

fn twice<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names
        .iter()
        .copied()
        .filter(|name| !seen.insert(*name))
        .collect()
}

/// String literals, in macros too.
#[derive(Default)]
struct Strings(BTreeSet<String>);

impl<'a> Visit<'a> for Strings {
    fn visit_item(&mut self, item: &'a syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    // text of documentation is no value
    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_lit_str(&mut self, literal: &'a syn::LitStr) {
        self.0.insert(literal.value());
    }
}

/// Files above the kinds that compare or look up the name of a kind.
fn naming_kinds(sources: &[Source]) -> Vec<String> {
    let kinds: BTreeSet<&str> = graftlet::adapter::KINDS
        .iter()
        .map(|kind| kind.name)
        .collect();
    let names_one = |source: &&Source| {
        let mut strings = Strings::default();
        strings.visit_file(&source.file);
        strings.0.iter().any(|text| kinds.contains(text.as_str()))
    };
    let above = { sources.iter() }
        .filter(|source| ["folder", "compose"].contains(&source.module()[0].as_str()));
    above
        .filter(names_one)
        .map(|source| source.path.display().to_string())
        .collect()
}

/// What a kind can do it says itself: what reads folders and composes adapters knows no kind by name.
#[test]
fn compositions_and_folders_name_no_kind() {
    assert_eq!(naming_kinds(&sources()), [""; 0]);
    let named = "fn f(kind: &str) -> bool { kind == \"bottleneck\" }";
    let sources = [
        Source::new("compose/x.rs", named),
        Source::new("cli/x.rs", named),
    ];
    assert_eq!(naming_kinds(&sources), ["compose/x.rs"]);
}

/// Presets that a text does not mention.
fn unmentioned(text: &str) -> Vec<&'static str> {
    let words: BTreeSet<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .map(str::to_lowercase)
        .collect();
    let names = graftlet::adapter::presets().map(|preset| preset.name);
    names.filter(|name| !words.contains(*name)).collect()
}

#[test]
fn every_preset_stands_in_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert_eq!(unmentioned(&readme), [""; 0]);
    assert!(unmentioned("LoRA and loras").contains(&"ia3"));
    assert!(!unmentioned("LoRA and loras").contains(&"lora"));
}
