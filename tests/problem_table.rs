//! The table of problems: what the page and the package show of it is written from it, and nothing else names a problem.
//!
//! `WRITE=1 cargo test --release --test problem_table` writes `www/client/problems.ts` anew.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use graftlet::head::{Metric, PROBLEMS, ProblemName};
use graftlet_rows::Problem as Reading;
use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What TypeScript knows of a problem.
fn told(problem: ProblemName) -> Value {
    let about = problem.about();
    let measures = about.measures.iter().map(|measure| {
        let told = serde_json::to_value(measure).unwrap();
        (measure.name.to_owned(), told)
    });
    let mut measures: serde_json::Map<String, Value> = measures.collect();
    for (_, measure) in &mut measures {
        measure.as_object_mut().unwrap().remove("name");
    }
    json!({
        "aliases": about.aliases,
        "label": about.label,
        "nouns": about.nouns,
        "rows": about.rows,
        "reads": about.reads,
        "forms": about.forms,
        "oneOutput": about.one_output,
        "rejects": about.rejects,
        "classes": about.classes,
        "baseline": about.baseline,
        "measures": measures,
    })
}

fn typescript() -> String {
    let mut text = String::from(
        "/**\n * What is known of each problem: the table in `src/head/mod.rs`, written here by `tests/problem_table.rs`.\n */\n\
         // biome-ignore-all format: written by a program\n\nexport const PROBLEMS = {\n",
    );
    for &problem in PROBLEMS {
        let name = problem.name();
        writeln!(text, "  {name}: {},", told(problem)).unwrap();
    }
    let metrics: BTreeSet<&str> = Metric::names().filter(|name| *name != "f1").collect();
    let metrics = json!(metrics);
    write!(
        text,
        "}} as const;\n\n/** What epochs can be chosen by, besides F1 of one label. */\nexport const METRICS = {metrics} as const;\n"
    )
    .unwrap();
    text
}

#[test]
fn typescript_knows_the_table() {
    let path = root().join("www/client/problems.ts");
    let expected = typescript();
    if std::env::var_os("WRITE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == expected,
        "www/client/problems.ts is not the table's: run WRITE=1 cargo test --release --test problem_table"
    );
}

#[test]
fn every_row_is_whole() {
    let mut names = BTreeSet::new();
    for &problem in PROBLEMS {
        let about = problem.about();
        for name in about.aliases.iter().chain([&about.name]) {
            assert!(names.insert(*name), "{name} stands twice");
            assert_eq!(ProblemName::named(name), Some(problem));
        }
        assert!(Reading::named(about.rows).is_some(), "{}", about.rows);
        assert!(!about.forms.is_empty() && !about.measures.is_empty());
        let metric = problem.metric();
        assert!(Metric::names().any(|name| name == metric.name()));
        let json = serde_json::to_value(problem).unwrap();
        assert_eq!(json, about.name);
        assert_eq!(
            serde_json::from_value::<ProblemName>(json).unwrap(),
            problem
        );
    }
    assert!(serde_json::from_value::<ProblemName>(json!("sorting")).is_err());
    assert!(serde_json::from_value::<Metric>(json!({"name": "speed"})).is_err());
    assert!(serde_json::from_value::<Metric>(json!({"name": "f1"})).is_err());
}

/// Sources below a folder with one of the endings, without tests and what is generated.
fn sources(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["node_modules", "test", "dist", "public"].contains(&name) {
                sources(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending))
            && !["problems.ts", "tests.rs"].contains(&name)
        {
            found.push(path);
        }
    }
}

/// A new problem is its file and its row: no other Rust or TypeScript tells problems apart by name.
#[test]
fn no_other_file_names_a_problem() {
    let mut files = Vec::new();
    sources(&root().join("src"), &[".rs"], &mut files);
    sources(&root().join("www"), &[".ts", ".tsx"], &mut files);
    let constants = [
        "SINGLE_LABEL",
        "MULTI_LABEL",
        "REGRESSION",
        "TOKEN_CLASSIFICATION",
        "RANKING",
    ];
    let mut naming = Vec::new();
    for path in files
        .iter()
        .filter(|path| !path.starts_with(root().join("src/head")))
    {
        let text = std::fs::read_to_string(path).unwrap();
        // what follows a file's tests is tests
        let code = text.split("#[cfg(test)]").next().unwrap();
        let quoted = PROBLEMS
            .iter()
            .any(|problem| code.contains(&format!("\"{}\"", problem.name())));
        if quoted || constants.iter().any(|constant| code.contains(constant)) {
            naming.push(
                path.strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
    naming.sort();
    // the names of two types of answers for users of the package, the problem where nothing is said, and AdapterHub's
    // name of a head where its file says none
    let known = [
        "src/folder/adapterhub/heads.rs",
        "www/app/state/default-problem.ts",
        "www/client/types.ts",
    ];
    assert_eq!(naming, known);
}
