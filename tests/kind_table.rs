//! The table of kinds: what the package shows of it is written from it, and a kind needs nothing beside its row.
//!
//! `WRITE=1 cargo test --release --test kind_table` writes `www/client/kinds.ts` anew.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use graftlet::adapter::{KINDS, Kind, Setting, Values, presets};

/// `num_virtual_tokens` as `numVirtualTokens`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1);
        camel += &first.to_uppercase();
        camel += rest;
    }
    camel
}

/// The TypeScript type of a setting, and the word for it in the table of forms.
fn typed(values: Values, is_other: bool) -> (String, String) {
    let word = |word: &str| (word.to_owned(), format!("\"{word}\""));
    match values {
        Values::Count | Values::Number => word("number"),
        Values::Flag => word("boolean"),
        Values::Word => word("string"),
        Values::Choice(choices) => {
            let quoted: Vec<String> = choices.iter().map(|c| format!("\"{c}\"")).collect();
            (quoted.join(" | "), format!("[{}]", quoted.join(", ")))
        }
        Values::Linears => ("readonly Linear[]".into(), "\"words\"".into()),
        Values::Layers if is_other => (
            "number | readonly number[]".into(),
            "\"number or numbers\"".into(),
        ),
        Values::Layers => ("readonly number[]".into(), "\"numbers\"".into()),
        Values::Modules => (
            "string | readonly string[]".into(),
            "\"word or words\"".into(),
        ),
        Values::ByModule => (
            "Record<string, number>".into(),
            "\"numbers by name\"".into(),
        ),
    }
}

/// The settings of all kinds, each once, with the kinds that have it.
fn settings() -> Vec<(&'static Setting, Vec<&'static str>)> {
    let mut found: Vec<(&Setting, Vec<&str>)> = Vec::new();
    for kind in KINDS {
        for setting in kind.settings.iter().chain(kind.peft_settings) {
            match found
                .iter_mut()
                .find(|(known, _)| known.name == setting.name)
            {
                Some((_, kinds)) => kinds.push(kind.name),
                None => found.push((setting, vec![kind.name])),
            }
        }
    }
    found
}

fn typescript() -> String {
    let mut text = String::from(
        "/**\n * The settings of fresh adapters and what is known of their sizes: the rows of the kinds in `src/adapter`, written here\n \
         * by `tests/kind_table.rs`.\n */\n// biome-ignore-all format: written by a program\n\
         import type { Linear } from \"./training-types.js\";\n\n\
         /** Settings of a fresh adapter. */\nexport interface AdapterOptions {\n",
    );
    let mut forms = String::new();
    for (setting, kinds) in settings() {
        let name = camel(setting.name);
        // names in the sentence are written as TypeScript has them
        let words = setting.description.split('`').enumerate();
        let words = words.map(|(at, part)| match at % 2 {
            1 if !part.contains([' ', '-']) => camel(part),
            _ => part.to_owned(),
        });
        let sentence = words.collect::<Vec<_>>().join("`");
        writeln!(text, "  /** {sentence} Kinds: {}. */", kinds.join(", ")).unwrap();
        let (form, word) = typed(setting.values, false);
        writeln!(text, "  {name}?: {form};").unwrap();
        writeln!(forms, "  {name}: {word},").unwrap();
        for other in setting.others {
            let (form, word) = typed(setting.values, true);
            let other = camel(other);
            writeln!(
                text,
                "  /** Another name of `{name}`. */\n  {other}?: {form};"
            )
            .unwrap();
            writeln!(forms, "  {other}: {word},").unwrap();
        }
    }
    write!(
        text,
        "}}\n\n/** What each of them must be. */\nexport const ADAPTER_OPTIONS = {{\n{forms}}} as const;\n\n\
         /** Numbers that say how large an adapter is; which of them there are depends on its kind. */\n\
         export interface AdapterSizes {{\n"
    )
    .unwrap();
    let mut seen = BTreeSet::new();
    for (name, description) in KINDS.iter().flat_map(|kind| kind.sizes) {
        if seen.insert(*name) {
            writeln!(text, "  /** {description} */\n  {name}?: number;").unwrap();
        }
    }
    let names: BTreeSet<&str> = presets()
        .filter_map(|preset| Some(preset.size?.name))
        .collect();
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    write!(
        text,
        "}}\n\n/** Settings that a form offers as the one number for an adapter's size. */\nexport type SizeName = {};\n",
        names.join(" | ")
    )
    .unwrap();
    text
}

#[test]
fn typescript_knows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/client/kinds.ts");
    let expected = typescript();
    if std::env::var_os("WRITE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == expected,
        "www/client/kinds.ts is not the table's: run WRITE=1 cargo test --release --test kind_table"
    );
}

/// What is wrong with rows: a name with two meanings, or one that nothing says.
fn faults(kinds: &[&Kind]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known: Vec<(&str, &Setting)> = Vec::new();
    for kind in kinds {
        for &setting in kind.settings.iter().chain(kind.peft_settings) {
            if !setting.description.ends_with('.') {
                faults.push(format!("{} of {} has no sentence", setting.name, kind.name));
            }
            for name in setting.others.iter().chain([&setting.name]) {
                let same = known.iter().find(|(other, _)| other == name);
                let differs = same.is_some_and(|(_, other)| {
                    other.name != setting.name || other.values != setting.values
                });
                if differs {
                    faults.push(format!("{name} has two meanings"));
                }
                known.push((name, setting));
            }
        }
        for size in kind.presets.iter().filter_map(|preset| preset.size) {
            let is_setting = |setting: &&Setting| camel(setting.name) == size.name;
            if !kind
                .settings
                .iter()
                .copied()
                .any(|setting| is_setting(&setting))
            {
                faults.push(format!(
                    "the size {} of {} is no setting",
                    size.name, kind.name
                ));
            }
        }
    }
    faults
}

#[test]
fn every_row_is_whole() {
    assert_eq!(faults(KINDS), [""; 0]);
    const WRONG: Setting = Setting {
        name: "rank",
        others: &["alpha"],
        values: Values::Word,
        description: "",
    };
    let lora = KINDS.iter().find(|kind| kind.name == "lora").unwrap();
    let wrong = Kind {
        name: "wrong",
        settings: &[&WRONG],
        presets: lora.presets,
        ..Kind::EMPTY
    };
    let found = faults(&[lora, &wrong]);
    for words in [
        "no sentence",
        "rank has two meanings",
        "alpha has two meanings",
    ] {
        assert!(
            found.iter().any(|fault| fault.contains(words)),
            "{words}: {found:?}"
        );
    }
    let unsized_kind = Kind {
        name: "wrong",
        presets: lora.presets,
        ..Kind::EMPTY
    };
    assert!(faults(&[&unsized_kind])[0].contains("is no setting"));
}
