//! No two folders use each other.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Source, sources};

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
