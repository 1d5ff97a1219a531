//! The floors hold: no module uses one above it, no two folders use each other, unsafe code stays in the kernels, and a
//! kind of adapter is one file and one row.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// What each module of `src/lib.rs` stands on. `error` is below all of them and is used by all.
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
    ("train", 8),
    ("web", 9),
    ("cli", 9),
];

/// Modules that use less than their floor allows.
const ONLY_ERROR: [&str; 2] = ["hub", "kernels"];

/// A Rust file of the crate, without its tests.
struct Source {
    /// Below `src`.
    path: PathBuf,
    file: syn::File,
}

impl Source {
    fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let path = path.into();
        let file =
            syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, file }
    }

    /// The path of the file's own module: `adapter`, `lora`, `peft`.
    fn module(&self) -> Vec<String> {
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
    fn uses(&self) -> BTreeSet<Vec<String>> {
        let mut uses = Uses {
            module: self.module(),
            found: BTreeSet::new(),
        };
        uses.visit_file(&self.file);
        uses.found
    }
}

/// Whether an item is there for tests, or for links of the documentation, alone.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|what| what == "test" || what == "doc")
    })
}

/// Attributes of an item.
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder that are no tests.
fn sources_in(folder: &Path) -> Vec<Source> {
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
fn sources() -> Vec<Source> {
    let mut found = sources_in(&root().join("src"));
    found
        .retain(|source| source.path != Path::new("lib.rs") && source.path != Path::new("main.rs"));
    found
}

// ---- floors

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
    if other == module || other == "error" {
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

// ---- circles

/// Uses among the modules of each folder: for each folder, which of the modules right in it uses which. A use from deep
/// inside one to deep inside another counts as one of these.
type Graphs = BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>>;

fn graphs(sources: &[Source]) -> Graphs {
    // a module is a folder if something lies in it; what lies in a file is the file's folder's
    let folders: BTreeSet<Vec<String>> = sources
        .iter()
        .flat_map(|source| {
            let module = source.module();
            (1..module.len()).map(move |length| module[..length].to_vec())
        })
        .collect();
    let mut graphs = Graphs::new();
    for source in sources {
        let from = source.module();
        for to in source.uses() {
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let (Some(own), Some(other)) = (from.get(common), to.get(common)) else {
                continue;
            };
            // within a folder files may use each other, and what the folder itself says is everybody's
            let is_module = |name: &String| {
                let path = [&from[..common], std::slice::from_ref(name)].concat();
                common == 0 || folders.contains(&path)
            };
            if is_module(own) && is_module(other) {
                let graph = graphs.entry(from[..common].to_vec()).or_default();
                graph.entry(own.clone()).or_default().insert(other.clone());
            }
        }
    }
    graphs
}

/// The modules of a graph that reach themselves.
fn in_circles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reaches_itself = |start: &String| {
        let mut open: Vec<&String> = graph.get(start).into_iter().flatten().collect();
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if next == start {
                return true;
            }
            if seen.insert(next) {
                open.extend(graph.get(next).into_iter().flatten());
            }
        }
        false
    };
    graph
        .keys()
        .filter(|start| reaches_itself(start))
        .cloned()
        .collect()
}

fn circles(sources: &[Source]) -> Vec<String> {
    let graphs = graphs(sources);
    let circles = graphs.iter().filter_map(|(folder, graph)| {
        let circle = in_circles(graph);
        let uses = circle
            .iter()
            .map(|name| format!("{name} -> {:?}", graph[name]));
        let uses: Vec<String> = uses.collect();
        (!circle.is_empty()).then(|| format!("in src/{}: {}", folder.join("/"), uses.join(", ")))
    });
    circles.collect()
}

#[test]
fn no_folders_use_each_other() {
    let circles = circles(&sources());
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_of_folders_is_found() {
    let sources = |files: &[(&str, &str)]| -> Vec<Source> {
        files
            .iter()
            .map(|(path, text)| Source::new(*path, text))
            .collect()
    };
    for files in [
        &[
            ("a/mod.rs", "use crate::b::X;"),
            ("b/mod.rs", "use super::a::Y;"),
        ][..],
        &[
            ("a/x.rs", "fn f(b: crate::b::y::B) {}"),
            ("b/y.rs", "use crate::c;"),
            ("c.rs", "use crate::a::x;"),
        ],
        // two folders in one folder
        &[
            ("a/mod.rs", "mod one; mod two;"),
            ("a/one/mod.rs", "use super::two::X;"),
            ("a/one/x.rs", ""),
            ("a/two/mod.rs", "use crate::a::one::Y;"),
            ("a/two/x.rs", ""),
        ],
    ] {
        assert_eq!(circles(&sources(files)).len(), 1, "{files:?}");
    }
    for files in [
        &[
            ("a/mod.rs", "use crate::b::X;"),
            ("b/mod.rs", "use super::c::Y;"),
            ("c.rs", ""),
        ][..],
        // a folder and its files know each other
        &[
            ("a/mod.rs", "use self::x::X;"),
            ("a/x.rs", "use super::Y; use crate::a::Z;"),
        ],
        // a test may use anything
        &[
            ("a.rs", "use crate::b;"),
            ("b.rs", "#[cfg(test)] mod tests { use crate::a; }"),
        ],
    ] {
        let found = circles(&sources(files));
        assert!(found.is_empty(), "{files:?}: {found:?}");
    }
}

// ---- the front page

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

// ---- unsafe code

/// Finds unsafe code.
#[derive(Default)]
struct Unsafe(bool);

impl<'a> Visit<'a> for Unsafe {
    fn visit_expr_unsafe(&mut self, _: &'a syn::ExprUnsafe) {
        self.0 = true;
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        self.0 |= signature.unsafety.is_some();
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        self.0 |= item.unsafety.is_some();
        visit::visit_item_impl(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'a syn::ItemForeignMod) {
        // without the word it is wasm-bindgen's, which checks what crosses the border
        self.0 |= item.unsafety.is_some();
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let tokens = call.tokens.to_string();
        self.0 |= tokens
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "unsafe");
    }
}

fn is_unsafe(source: &Source) -> bool {
    let mut found = Unsafe::default();
    found.visit_file(&source.file);
    found.0
}

#[test]
fn unsafe_code_stays_in_the_kernels() {
    for source in sources() {
        let path = source.path.display();
        assert!(!is_unsafe(&source), "src/{path} has unsafe code");
    }
    let kernels = sources_in(&root().join("kernels/src"));
    assert!(
        kernels.iter().any(is_unsafe),
        "the kernels' unsafe code is not found"
    );
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for X {}",
        "unsafe extern \"C\" { fn f(); }",
        "m! { unsafe { f() } }",
    ] {
        assert!(is_unsafe(&Source::new("ops/mod.rs", text)), "{text}");
    }
    let harmless = "/// unsafe\nfn f() { g(\"unsafe\"); } // unsafe";
    assert!(!is_unsafe(&Source::new("ops/mod.rs", harmless)));
}

// ---- kinds

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
