//! One function a reader: it takes any bytes, and returns what the reader said, as a short text. A
//! panic is a bug, as is a call that takes a second or more memory than [`allowance`].

mod measure;
pub mod seeds;

pub use measure::Execution;

use std::io::{Cursor, Write};

use graftlet::adapter::preset;
use graftlet::folder::Card;
use graftlet::folder::{self, Files, Library};
use graftlet::compose::Composition;
use graftlet::error::Error;
use graftlet::head::{Pairs, SINGLE_LABEL, Targets};
use graftlet::hub::Manifest;
use graftlet::input::text::{Text, Tokenizer};
use graftlet::model::{Encoder, Anatomy, Dtype, convert};
use graftlet::tensor_file::TensorFile;
use graftlet::train::{Dataset, Scheme, Settings, TokenStore};
use graftlet_rows::{Choice, Options, Problem};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A reader under its name.
pub type Target = (&'static str, fn(&[u8]) -> String);

/// All targets.
pub const TARGETS: [Target; 12] = [
    ("safetensors", safetensors),
    ("torch_file", torch_file),
    ("torch_list", torch_list),
    ("peft", peft),
    ("adapterhub", adapterhub),
    ("fusion", fusion),
    ("composition", composition),
    ("backbone", backbone),
    ("tokenizer", tokenizer),
    ("manifest", manifest),
    ("settings", settings),
    ("rows", rows),
];

/// What a target of cargo-fuzz does: the reader of that name, held to its promises.
///
/// # Panics
/// If the reader does not keep them, or there is none of that name.
pub fn check(name: &str, input: &[u8]) {
    let Some(target) = TARGETS.iter().find(|(found, _)| *found == name) else {
        panic!("there is no target {name}");
    };
    if let Some(fault) = Execution::of(target, input).fault(input) {
        panic!("{name} ({} bytes) {fault}", input.len());
    }
}

/// Most bytes that a reader may hold at once for an input of this length: a small multiple of it (a
/// list of tensors comes to at most 32 times its length, and a growing array may double), and what a
/// regular expression or a table of layers takes whatever the input.
///
/// The reader of rows holds at most twelve times the file, and beside it names of columns and samples.
#[must_use]
pub fn allowance(target: &str, length: usize) -> usize {
    match target {
        "rows" => 12 * length + (1 << 20),
        _ => 96 * length + (4 << 20),
    }
}

fn outcome<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) => {
            let sentence = error.to_string();
            assert!(!sentence.is_empty() && !error.code().is_empty());
            // numbers and names differ endlessly
            let words = sentence.split(|c: char| !c.is_ascii_lowercase());
            let words: Vec<&str> = words.filter(|word| word.len() > 2).take(12).collect();
            format!("{}: {}", error.code(), words.join(" "))
        }
    }
}

/// Reads every tensor of a file, one after the other.
fn read_all(file: Result<TensorFile<'_>, Error>) -> String {
    let file = match file {
        Ok(file) => file,
        Err(error) => return outcome::<()>(Err(error)),
    };
    let mut last = "ok, empty".to_owned();
    for name in file.names() {
        let (shape, dtype) = match file.info(name) {
            Ok(info) => info,
            Err(error) => panic!("a listed tensor is missing: {error}"),
        };
        last = outcome(file.floats(name, &shape));
        if let Err(error) = file.int8(name, &shape) {
            assert!(!error.code().is_empty());
        }
        last.push_str(&format!(" {dtype:?}"));
    }
    last
}

/// A safetensors file.
pub fn safetensors(data: &[u8]) -> String {
    read_all(TensorFile::parse("x", data))
}

/// A file of `torch.save`.
pub fn torch_file(data: &[u8]) -> String {
    read_all(TensorFile::parse_torch("x", data))
}

/// The list of tensors within a file of `torch.save`, whose checksums are right.
pub fn torch_list(data: &[u8]) -> String {
    let storage = [0; 96];
    let archive = archive(&[("a/data.pkl", data), ("a/data/0", &storage)]);
    read_all(TensorFile::parse_torch("x", &archive))
}

/// A zip archive of uncompressed entries.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let written = entries.iter().try_for_each(|(name, content)| {
        writer.start_file(*name, options)?;
        writer.write_all(content)?;
        Ok::<_, zip::result::ZipError>(())
    });
    let finished = written.and_then(|()| writer.finish());
    finished.map(Cursor::into_inner).unwrap_or_default()
}

/// A folder of PEFT's, see [`folder`].
pub fn peft(data: &[u8]) -> String {
    outcome(folder::inspect("a", &folder(data, Library::Peft.files())))
}

/// A folder of AdapterHub's, see [`folder`].
pub fn adapterhub(data: &[u8]) -> String {
    outcome(folder::inspect(
        "a",
        &folder(data, Library::AdapterHub.files()),
    ))
}

/// A fusion's folder, see [`folder`], of adapters that are loaded.
pub fn fusion(data: &[u8]) -> String {
    thread_local! {
        static LOADED: seeds::Loaded = match seeds::loaded() {
            Ok(loaded) => loaded,
            Err(error) => panic!("the fixtures cannot be read: {error}"),
        };
    }
    LOADED.with(|(shape, adapters)| {
        let lookup = |name: &str| {
            adapters
                .get(name)
                .cloned()
                .ok_or_else(|| Error::AdapterUnknown {
                    name: name.to_owned(),
                    loaded: "the fixtures".into(),
                })
        };
        let files = folder(data, Library::fusion_files());
        outcome(graftlet::compose::fusion::load("a", &files, &lookup, shape))
    })
}

/// A composition; what is read is the same after it was written.
pub fn composition(data: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice(data) else {
        return "no JSON".into();
    };
    let read = Composition::from_json(&value);
    if let Ok(composition) = &read {
        match Composition::from_json(&composition.to_json()) {
            Ok(again) => assert_eq!(&again, composition),
            Err(error) => panic!("what was written is refused: {error}"),
        }
    }
    outcome(read)
}

/// Files one after the other: the number of the name in the list, four bytes of length, the
/// content. A length beyond the end means all that is left.
#[must_use]
pub fn folder(data: &[u8], names: &[&str]) -> Files {
    let mut files = Files::new();
    let mut rest = data;
    while let [name, a, b, c, d, content @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let (content, after) = content.split_at(length.min(content.len()));
        let name = names[usize::from(*name) % names.len()];
        files.insert(name.to_owned(), content.to_vec());
        rest = after;
    }
    files
}

/// The reverse of [`folder`].
#[must_use]
pub fn flatten(files: &Files, names: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for (number, name) in names.iter().enumerate() {
        if let (Some(content), Ok(number)) = (files.get(*name), u8::try_from(number)) {
            data.push(number);
            data.extend(
                u32::try_from(content.len())
                    .unwrap_or(u32::MAX)
                    .to_le_bytes(),
            );
            data.extend(content);
        }
    }
    data
}

/// A model's `config.json`, whose length stands before it in four bytes, and its checkpoint: loaded as
/// it is, and converted and loaded.
pub fn backbone(data: &[u8]) -> String {
    let Some((length, rest)) = data.split_first_chunk() else {
        return String::new();
    };
    let length = u32::from_le_bytes(*length) as usize;
    let (config, checkpoint) = rest.split_at(length.min(rest.len()));
    let config = match Anatomy::from_json(config) {
        Ok(config) => config,
        Err(error) => return outcome::<()>(Err(error)),
    };
    let converted = convert(&config, checkpoint, Dtype::Int8)
        .and_then(|bytes| Encoder::load(&config, &bytes, "00ff").map(|_| ()));
    let loaded = Encoder::load(&config, checkpoint, "00ff");
    format!("{}, {}", outcome(loaded), outcome(converted))
}

/// A `tokenizer.json`, and what it makes of a text and of a pair.
pub fn tokenizer(data: &[u8]) -> String {
    let tokenizer = match Tokenizer::from_json(data, 32) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return outcome::<()>(Err(error)),
    };
    let (text, pair) = ("The film, is GOOD", "n\u{f6}\u{4e2d}");
    let said = [Text::from(text), Text::pair(text, pair)].map(|text| {
        let tokens = outcome(tokenizer.encode(&text));
        let words = outcome(tokenizer.words(&text));
        format!("{tokens}, {words}")
    });
    said.join("; ")
}

/// A backbone's manifest.
pub fn manifest(data: &[u8]) -> String {
    outcome(Manifest::from_json("x", data).map(|manifest| manifest.bytes()))
}

/// A model's configuration, the settings of a training, and an adapter's side file.
pub fn settings(data: &[u8]) -> String {
    let scheme = Scheme {
        problem: SINGLE_LABEL,
        labels: vec!["a".into(), "b".into()],
        reject: None,
        pairs: Pairs::Joint,
    };
    let targets = Targets::empty(scheme.problem, 2);
    let rows = Dataset::from_parts(scheme, TokenStore::default(), targets);
    let settings = Settings::from_json("x", data);
    let settings = settings.and_then(|settings| settings.resolve(preset("lora")?, &rows, 6));
    let card = serde_json::from_slice::<Card>(data);
    let config = outcome(Anatomy::from_json(data));
    format!("{config}, {}, {}", outcome(settings), card.is_ok())
}

/// Rows of a data set: the first two bytes are what the caller says of it.
pub fn rows(data: &[u8]) -> String {
    let [hints, choices, content @ ..] = data else {
        return String::new();
    };
    let pick = |values: &[&str], index: u8| {
        let value = values.get(usize::from(index)).copied();
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let options = Options {
        name: pick(
            &["", "x.csv", "x.tsv", "x.jsonl", "x.json", "x.conll"],
            hints & 7,
        ),
        delimiter: [None, None, Some(','), Some('\t')][usize::from(hints >> 3) & 3],
        header: [None, None, Some(true), Some(false)][usize::from(hints >> 5) & 3],
        text_column: pick(&["", "", "1", "meta.body"], choices & 3),
        text2_column: None,
        label_column: pick(&["", "", "2", "1,2"], choices >> 2 & 3),
    };
    let table = match graftlet_rows::open(content.to_vec(), &options) {
        Ok(table) => table,
        Err(refusal) => {
            return format!(
                "{}: {}",
                refusal.code,
                refusal.message.chars().take(16).collect::<String>()
            );
        }
    };
    let source = table.source();
    let proposal = table.propose(&source.guess);
    let problem = [
        proposal.problem,
        Problem::SingleLabel,
        Problem::MultiLabel,
        Problem::TokenClassification,
    ][usize::from(choices >> 4) & 3];
    let looked = table.inspect(&Choice {
        columns: source.guess.clone(),
        problem,
        reject: proposal.reject,
        merge: choices >> 6 & 1 == 1,
        judged: choices >> 7 == 1,
        ..Choice::default()
    });
    assert_eq!(looked.rows.len(), looked.numbers.len());
    let kinds: Vec<String> = looked
        .inspection
        .findings
        .iter()
        .map(|finding| format!("{:?}", finding.kind))
        .collect();
    format!(
        "{:?} {problem:?} {} {}",
        source.format,
        looked.inspection.blocked.is_some(),
        kinds.join(" ")
    )
}
