//! What the native suites share.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use graftlet::engine::Engine;
use graftlet::hub::sha256;

/// A file below `tests/fixtures`.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(path)
}

/// A folder of the Python libraries' goldens as it would be dropped on the page.
pub fn folder(path: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// Set to anything, it lets the tests that need the checkpoint pass without it.
const SKIP: &str = "GRAFTLET_SKIP_CHECKPOINT";

/// Fails a test that needs what set-up made, unless the environment says to skip it.
pub fn missing(what: &str, folder: &Path) {
    let message = format!("no {what} in {}; run ./build.sh setup", folder.display());
    assert!(
        std::env::var_os(SKIP).is_some(),
        "{message}, or set {SKIP}=1"
    );
    eprintln!("skipped: {message}");
}

/// The checkpoint's files (config, tokenizer, weights) that set-up downloaded; `None` where they are missing and the
/// environment says to skip what needs them.
pub fn checkpoint() -> Option<&'static [Vec<u8>; 3]> {
    static FILES: OnceLock<Option<[Vec<u8>; 3]>> = OnceLock::new();
    FILES
        .get_or_init(|| {
            let folder = std::env::var_os("GRAFTLET_CHECKPOINT").map_or_else(
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/backbone/source"),
                PathBuf::from,
            );
            let read = |name: &str| std::fs::read(folder.join(name)).ok();
            let files = (|| {
                Some([
                    read("config.json")?,
                    read("tokenizer.json")?,
                    read("model.safetensors")?,
                ])
            })();
            if files.is_none() {
                missing("checkpoint", &folder);
            }
            files
        })
        .as_ref()
}

/// The checkpoint as it is, in f32.
pub fn engine_f32() -> Option<Engine> {
    let [config, tokenizer, weights] = checkpoint()?;
    Some(Engine::new(config, tokenizer, weights, &sha256(weights)).unwrap())
}

/// The checkpoint converted to int8.
pub fn engine_int8() -> Option<Engine> {
    use graftlet::model::{Anatomy, Dtype, convert};
    let [config, tokenizer, weights] = checkpoint()?;
    let int8 = convert(&Anatomy::from_json(config).unwrap(), weights, Dtype::Int8).unwrap();
    Some(Engine::new(config, tokenizer, &int8, &sha256(weights)).unwrap())
}

/// Fails unless all elements agree within an absolute tolerance; returns the largest difference.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) -> f32 {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let mut largest = 0f32;
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= tolerance,
            "{what}: element {index} is {found}, expected {expected} within {tolerance}"
        );
        largest = largest.max(difference);
    }
    largest
}
