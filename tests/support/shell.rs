//! Command lines as documents show them: split into words, and checked without being run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Programs that documents show, and why the test does not run them; graftlet runs in blocks.
const PROGRAMS: [(&str, &str); 8] = [
    ("graftlet", "in a sentence, its arguments are not complete"),
    (
        "./build.sh",
        "it builds, serves or tests everything, this test too",
    ),
    (
        "cargo",
        "it compiles, and most of its targets need data sets or hours",
    ),
    ("node", "the scripts need data sets, a browser or hours"),
    (
        "npm",
        "it installs packages, or writes files of the repository",
    ),
    ("npx", "it starts a browser"),
    ("python", "the scripts need PyTorch and both libraries"),
    ("cd", "it says where the command behind it runs"),
];

/// The simple commands of a line, each as words, without quotes and comments. A `|` begins a command only behind a space.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let (mut word, mut quote, mut is_word) = (String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, '#') if !is_word => break,
            // alternatives in a synopsis, such as `int8|f16`
            (None, '|') if is_word => word.push(c),
            (None, ' ' | '|' | '&' | ';') => {
                if std::mem::take(&mut is_word) {
                    found.last_mut().unwrap().push(std::mem::take(&mut word));
                }
                if c != ' ' {
                    found.push(Vec::new());
                }
            }
            (None, _) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        found.last_mut().unwrap().push(word);
    }
    found.retain(|words| !words.is_empty());
    found
}

/// A command without the variables that are set in front of it.
pub fn without_variables(words: &[String]) -> &[String] {
    let is_set = |word: &&String| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    &words[words.iter().take_while(is_set).count()..]
}

fn is_known(program: &str) -> bool {
    PROGRAMS.iter().any(|(known, _)| *known == program)
}

/// Whether code in a sentence is a command: a known program with arguments.
pub fn is_command(code: &str) -> bool {
    let all = commands(code);
    let first = all.first().map(|words| without_variables(words));
    first.is_some_and(|words| words.len() > 1 && is_known(&words[0]))
}

/// What is wrong with a line of commands that is not run; `help` gives the help of a command of graftlet.
pub fn faults(root: &Path, line: &str, help: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut folder = PathBuf::new();
    let mut faults = Vec::new();
    for words in commands(line) {
        let words = without_variables(&words);
        if words.is_empty() {
            continue;
        }
        if let Err(fault) = check(root, &mut folder, words, help) {
            faults.push(format!("“{}”: {fault}", words.join(" ")));
        }
    }
    faults
}

fn check(
    root: &Path,
    folder: &mut PathBuf,
    words: &[String],
    help: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.trim_matches(['[', ']']))
        .collect();
    let (program, rest) = (words[0], &words[1..]);
    let place = root.join(&folder);
    let exists = |path: &str| {
        let found = place.join(path).exists();
        found
            .then_some(())
            .ok_or_else(|| format!("there is no {path}"))
    };
    match program {
        "cd" => {
            exists(rest[0])?;
            folder.push(rest[0]);
            Ok(())
        }
        "graftlet" => {
            let text = help(rest[0]).ok_or_else(|| format!("no command {}", rest[0]))?;
            flags_in(&rest[1..], &text)
        }
        "./build.sh" => {
            let text = read(&root.join("build.sh"))?;
            let usage = text.split("\nTEXT\n").next().unwrap_or_default();
            let is_verb = |line: &str| line.split_whitespace().next() == Some(rest[0]);
            if !usage
                .lines()
                .any(|line| line.starts_with("  ") && is_verb(line))
            {
                return Err(format!("no verb {}", rest[0]));
            }
            flags_in(&rest[1..], usage)
        }
        "cargo" => cargo(&place, rest),
        "node" => {
            exists(rest[0])?;
            options_in(&rest[1..], &read(&place.join(rest[0]))?)
        }
        "python" => exists(rest[0]),
        "npm" => {
            let prefix = value_of(rest, "--prefix").unwrap_or(".");
            match rest.iter().position(|word| *word == "run") {
                Some(at) => {
                    let mut names = rest[at + 1..].iter().filter(|word| !word.starts_with('-'));
                    let name = names.find(|name| **name != prefix).copied();
                    in_package(&place.join(prefix), "scripts", name.unwrap_or_default())
                }
                None => Ok(()),
            }
        }
        "npx" => match rest[0] {
            "playwright" => in_package(&place, "devDependencies", "@playwright/test"),
            other => Err(format!("what npx {other} runs is not known to this test")),
        },
        other => Err(format!("{other} is not known to this test")),
    }
}

/// The commands of cargo, and the targets that they name.
fn cargo(place: &Path, words: &[&str]) -> Result<(), String> {
    const COMMANDS: [&str; 9] = [
        "run", "test", "bench", "build", "check", "doc", "fmt", "clippy", "deny",
    ];
    let words: Vec<&str> = words
        .iter()
        .copied()
        .skip_while(|word| word.starts_with('+'))
        .collect();
    let end = words.iter().position(|word| *word == "--");
    let (own, passed) = words.split_at(end.unwrap_or(words.len()));
    let exists = |path: String| {
        let found = place.join(&path).exists();
        found
            .then_some(())
            .ok_or_else(|| format!("there is no {path}"))
    };
    if own.starts_with(&["fuzz", "run"]) {
        return exists(format!("fuzz/fuzz_targets/{}.rs", own[2]));
    }
    if !COMMANDS.contains(&own[0]) {
        return Err(format!("cargo {} is not known to this test", own[0]));
    }
    let manifest = value_of(own, "--manifest-path").unwrap_or("Cargo.toml");
    exists(manifest.to_owned())?;
    let folder = manifest.trim_end_matches("Cargo.toml");
    if let Some(feature) = value_of(own, "--features") {
        let text = read(&place.join(manifest))?;
        if !text
            .lines()
            .any(|line| line.starts_with(&format!("{feature} =")))
        {
            return Err(format!("{manifest} has no feature {feature}"));
        }
    }
    for (flag, home) in [
        ("--test", "tests"),
        ("--bench", "benches"),
        ("--example", "examples"),
    ] {
        let Some(name) = value_of(own, flag).filter(|name| !is_placeholder(name)) else {
            continue;
        };
        let file = format!("{folder}{home}/{name}.rs");
        let apart = format!("{folder}{home}/{name}/main.rs");
        let file = if place.join(&apart).exists() {
            apart
        } else {
            file
        };
        exists(file.clone())?;
        if flag == "--example" {
            options_in(passed, &read(&place.join(file))?)?;
        }
    }
    Ok(())
}

/// Whether a word stands for what the reader puts there.
pub fn is_placeholder(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_uppercase()) && !word.chars().any(|c| c.is_ascii_lowercase())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The word behind a flag.
fn value_of<'a>(words: &[&'a str], flag: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == flag)?;
    words.get(at + 1).copied()
}

/// Whether a text of help has each of the flags.
fn flags_in(words: &[&str], help: &str) -> Result<(), String> {
    let known: BTreeSet<&str> = help
        .split(|c: char| !c.is_alphanumeric() && c != '-')
        .collect();
    match words
        .iter()
        .find(|word| word.starts_with("--") && !known.contains(**word))
    {
        Some(flag) => Err(format!("no option {flag}")),
        None => Ok(()),
    }
}

/// Whether a program's source has a word for each of the options.
fn options_in(words: &[&str], source: &str) -> Result<(), String> {
    let known: BTreeSet<&str> = source
        .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
        .flat_map(|word| [word, word.trim_start_matches('-')])
        .collect();
    let options = words.iter().filter_map(|word| word.strip_prefix("--"));
    match { options }.find(|name| !known.contains(name)) {
        Some(name) => Err(format!("no option --{name}")),
        None => Ok(()),
    }
}

/// Whether an object in a `package.json` has a name.
fn in_package(folder: &Path, object: &str, name: &str) -> Result<(), String> {
    let text = read(&folder.join("package.json"))?;
    let package: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match package[object].get(name) {
        Some(_) => Ok(()),
        None => Err(format!("package.json has no “{name}” among its {object}")),
    }
}
