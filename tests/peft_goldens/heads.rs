//! Heads and poolers in a folder.

use graftlet::error::Error;
use graftlet::folder::{self, CONFIG, Library};
use graftlet::model::Backbone;
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use serde_json::{Map, Value, json};

use super::keys::renamed;
use super::support::folder;
use super::{WEIGHTS, bert, load, root};

#[test]
fn heads_that_are_not_computed_are_left_out() {
    let bert = bert();
    let question = load("question_answering", &bert);
    assert!(question.head.is_none());
    let what = question.unused_head().unwrap();
    assert!(what.contains("question answering (qa_outputs)"), "{what}");
    // of a masked language model, and one of nobody's
    let files = folder(&root().join("question_answering"));
    for (name, module) in [
        ("masked", "cls.predictions.decoder"),
        ("own", "my_head.layers.0"),
    ] {
        let path = format!("base_model.model.{module}");
        let renamed = renamed(&files, |key| {
            key.replace("base_model.model.qa_outputs", &path)
        });
        let own = folder::load(name, &renamed, bert.shape());
        let task = match module.split_once('.').unwrap().0 {
            "my_head" => {
                // only where the configuration says that it is a module that was trained
                assert_eq!(own.err().unwrap().code(), "unsupported_feature");
                let mut files = renamed;
                let mut config: Map<String, Value> =
                    serde_json::from_slice(&files[CONFIG]).unwrap();
                config.insert("modules_to_save".into(), json!(["my_head"]));
                files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
                folder::load(name, &files, bert.shape()).unwrap()
            }
            _ => own.unwrap(),
        };
        assert!(
            task.head.is_none() && task.unused_head().is_some(),
            "{name}"
        );
    }
}

#[test]
fn a_pooler_that_is_not_there() {
    let bert = bert();
    let mut shape = bert.shape().clone();
    shape.pooler = false;
    for name in ["all_linear_bare", "pooler_saved_bare", "all_linear_text"] {
        let error = folder::load(name, &folder(&root().join(name)), &shape)
            .err()
            .unwrap();
        assert!(
            matches!(error, Error::BackboneMismatch { .. }),
            "{name}: {error}"
        );
        assert!(error.to_string().contains("pooler"), "{error}");
    }
    // a model that labels texts must have what the configuration promises
    let files = folder(&root().join("all_linear_text"));
    let file = TensorFile::parse(WEIGHTS, &files[WEIGHTS]).unwrap();
    let mut writer = TensorFileWriter::default();
    for name in file.names().filter(|name| !name.contains("pooler")) {
        let dims = file.info(name).unwrap().0;
        writer.floats(
            name,
            &dims,
            &file.floats(name, &dims).unwrap(),
            FloatType::F32,
        );
    }
    let mut fewer = files.clone();
    fewer.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
    let error = folder::load("mine", &fewer, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "tensor_missing", "{error}");
    assert!(
        error
            .to_string()
            .contains("bert.pooler.dense.lora_A.weight"),
        "{error}"
    );
}

#[test]
fn adapterhub_has_no_place_for_the_pooler() {
    let bert = bert();
    for name in ["all_linear_text", "pooler_alone", "ia3", "pooler_saved"] {
        let task = load(name, &bert);
        let error = folder::save(&task, name, Library::AdapterHub, bert.shape()).unwrap_err();
        assert_eq!(error.code(), "adapter_format", "{name}: {error}");
    }
}

/// What the command line prints, or its error.
pub(super) fn graftlet(arguments: &[&std::ffi::OsStr]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args(arguments)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    String::from_utf8(printed).unwrap()
}

#[test]
fn inspect_shows_the_pooler_modules_trained_whole_and_a_head_left_out() {
    let inspect = |name: &str| graftlet(&["inspect".as_ref(), root().join(name).as_os_str()]);
    let seen = inspect("all_linear_text");
    let sites = seen.lines().find(|line| line.starts_with("sites")).unwrap();
    assert!(sites.contains("ffn_down, pooler"), "{seen}");
    let seen = inspect("layers_saved");
    let whole = seen.lines().find(|line| line.starts_with("trained whole"));
    assert!(
        whole.unwrap().ends_with("ffn_up of layer 1, pooler"),
        "{seen}"
    );
    let seen = inspect("question_answering");
    assert!(seen.contains("question answering (qa_outputs)"), "{seen}");
    assert!(!seen.contains("trained whole"), "{seen}");
    // the folder above names those inside
    let above = tempfile::tempdir().unwrap();
    for name in ["regex", "dense"] {
        std::fs::create_dir(above.path().join(name)).unwrap();
        let config = root().join(name).join(CONFIG);
        std::fs::copy(config, above.path().join(name).join(CONFIG)).unwrap();
    }
    let seen = graftlet(&["inspect".as_ref(), above.path().as_os_str()]);
    assert!(seen.contains("[config_invalid]"), "{seen}");
    assert!(
        seen.contains("\"dense\", \"regex\"; name one of these"),
        "{seen}"
    );
}
