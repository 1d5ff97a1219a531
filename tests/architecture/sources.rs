//! The Rust files of the crate, and the paths that they name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// A Rust file of the crate, without its tests.
pub(super) struct Source {
    /// Below `src`.
    pub(super) path: PathBuf,
    pub(super) file: syn::File,
}

impl Source {
    pub(super) fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let path = path.into();
        let file =
            syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, file }
    }

    /// The path of the file's own module: `adapter`, `lora`, `peft`.
    pub(super) fn module(&self) -> Vec<String> {
        let mut parts: Vec<String> = self
            .path
            .with_extension("")
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        if parts.last().unwrap() == "mod" || parts == ["lib"] {
            parts.pop();
        }
        parts
    }

    /// The paths of the crate that the file names, from the crate's root.
    pub(super) fn uses(&self) -> BTreeSet<Vec<String>> {
        let mut uses = Uses {
            module: self.module(),
            found: BTreeSet::new(),
        };
        uses.visit_file(&self.file);
        uses.found
    }
}

/// Whether an item is there for tests, or for links of the documentation, alone.
pub(super) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|what| what == "test" || what == "doc")
    })
}

/// Attributes of an item.
pub(super) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        _ => &[],
    }
}

/// Collects paths.
struct Uses {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Uses {
    /// A path by its parts, if it is one of the crate's.
    fn add(&mut self, parts: &[String]) {
        let mut whole = match parts[0].as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => {
                let up = parts.iter().take_while(|part| *part == "super").count();
                // `super` inside a module that stands in the file itself does not leave the file
                self.module[..self.module.len().saturating_sub(up)].to_vec()
            }
            _ => return,
        };
        let own = parts
            .iter()
            .filter(|part| !["crate", "self", "super"].contains(&part.as_str()));
        whole.extend(own.cloned());
        if !whole.is_empty() {
            self.found.insert(whole);
        }
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(before, item))
            }
        }
    }
}

impl<'a> Visit<'a> for Uses {
    fn visit_item(&mut self, item: &'a syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if parts.len() > 1 {
            self.add(&parts);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        // what a macro is called with is no syntax yet: its tokens stand apart, those of a path too
        let tokens = call.tokens.to_string();
        let words: Vec<&str> = tokens.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if matches!(*word, "crate" | "super") && (at == 0 || words[at - 1] != "::") {
                let rest = words[at..].chunks(2);
                let parts = rest.map_while(|pair| match pair {
                    [name, "::"] => Some((*name, true)),
                    [name, ..] => Some((*name, false)),
                    [] => None,
                });
                let mut whole = Vec::new();
                for (name, goes_on) in parts {
                    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                    whole.push(name[..end.unwrap_or(name.len())].to_owned());
                    if !goes_on {
                        break;
                    }
                }
                self.add(&whole);
            }
        }
        visit::visit_macro(self, call);
    }
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder that are no tests.
pub(super) fn sources_in(folder: &Path) -> Vec<Source> {
    fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                collect(root, &path, found);
            } else if name.ends_with(".rs") && name != "testing.rs" && !name.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(Source::new(path.strip_prefix(root).unwrap(), &text));
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The crate's files but the two that put it together, which stand on no floor.
pub(super) fn sources() -> Vec<Source> {
    let mut found = sources_in(&root().join("src"));
    found
        .retain(|source| source.path != Path::new("lib.rs") && source.path != Path::new("main.rs"));
    found
}
