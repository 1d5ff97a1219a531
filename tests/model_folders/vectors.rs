//! Vectors of texts, as sentence-transformers gives them.

use graftlet::input::text::{LongTexts, Text};
use graftlet::model::{Dtype, SentenceEmbedding};
use serde_json::{Value, json};

use super::support::{self, assert_close, fixture};
use super::{FOLDERS, Files, engine, expected, files, floats, open, texts};

/// The folder's longest text, pooling, normalisation, lower case and prompt are followed.
#[test]
fn vectors_are_those_of_sentence_transformers() {
    for name in FOLDERS.iter().filter(|name| name.starts_with("st-")) {
        let files = files(name);
        let expected = expected(&files);
        let model = open(&files);
        // what a manifest keeps is what was read
        let kept = serde_json::to_value(&model.sentence).unwrap();
        let kept = SentenceEmbedding::from_json("manifest.json", &kept).unwrap();
        assert_eq!(kept, model.sentence, "{name}");
        // and so is what is written for sentence-transformers
        let mut written = files.clone();
        for (file, content) in kept.files(model.config.hidden_size) {
            written.insert(file.into(), content.to_string().into_bytes());
        }
        assert_eq!(open(&written).sentence, model.sentence, "{name}");
        let mut engine = engine(model, None);
        // sentence-transformers reads the beginning of a long text
        engine.set_long_texts(LongTexts::Truncate);
        let count = expected["texts"].as_array().unwrap().len();
        let vectors = engine.embed(&texts(&expected)[..count]).unwrap();
        for (index, vector) in vectors.iter().enumerate() {
            let expected = floats(&expected["vectors"][index]);
            assert_close(vector, &expected, 2e-5, &format!("{name} text {index}"));
        }
    }
}

#[test]
fn a_folder_of_sentence_transformers_keeps_its_settings() {
    let settings = |name: &str| serde_json::to_value(open(&files(name)).sentence).unwrap();
    assert_eq!(
        settings("st-cls-max-mean"),
        json!({"max_seq_length": 6, "pooling": ["cls", "max", "mean"], "normalize": true})
    );
    // without a file of its own the tokenizer's limit holds
    assert_eq!(settings("st-weighted-last")["max_seq_length"], 10);
    let plain = settings("st-sqrt-plain");
    assert_eq!(plain["normalize"], false);
    assert_eq!(plain["prompts"]["query"], "the cat: ");
    assert_eq!(
        settings("legacy"),
        json!({"pooling": ["mean"], "normalize": true})
    );
}

/// A module that is not implemented: adapters work, vectors are refused rather than wrong.
#[test]
fn a_dense_module_refuses_vectors() {
    let mut files = files("st-cls-max-mean");
    let mut modules: Vec<Value> = serde_json::from_slice(&files["modules.json"]).unwrap();
    modules.push(
        json!({"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}),
    );
    files.insert("modules.json".into(), json!(modules).to_string().into());
    let engine = engine(open(&files), None);
    let error = engine.embed(&["the cat"]).unwrap_err();
    assert_eq!(error.code(), "model_unsupported");
    assert!(error.to_string().contains("Dense (3_Dense/)"), "{error}");
}

/// What sentence-transformers gives for texts within and beyond the 256 tokens that the shipped backbone's folder
/// names, in f32 and, which is another arithmetic, in int8.
#[test]
fn the_shipped_backbone_embeds_as_sentence_transformers_does() {
    let Some([config, tokenizer, weights]) = support::checkpoint() else {
        return;
    };
    let golden = std::fs::read(fixture("sentence-transformers-minilm.json")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    let text = |name: &str, content: &Value| (name.to_owned(), content.to_string().into_bytes());
    let module = |path: &str, class: &str| json!({"path": path, "type": format!("sentence_transformers.models.{class}")});
    let modules = json!([
        module("", "Transformer"),
        module("1_Pooling", "Pooling"),
        module("2_Normalize", "Normalize"),
    ]);
    let files = Files::from([
        ("config.json".to_owned(), config.clone()),
        ("tokenizer.json".to_owned(), tokenizer.clone()),
        ("model.safetensors".to_owned(), weights.clone()),
        text("modules.json", &modules),
        text(
            "sentence_bert_config.json",
            &json!({"max_seq_length": 256, "do_lower_case": false}),
        ),
        text(
            "1_Pooling/config.json",
            &json!({"pooling_mode_mean_tokens": true}),
        ),
    ]);
    let texts: Vec<Text> = golden["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().into())
        .collect();
    for (dtype, least) in [(None, 0.9999), (Some(Dtype::Int8), 0.985)] {
        let mut engine = engine(open(&files), dtype);
        engine.set_long_texts(LongTexts::Truncate);
        for (index, vector) in engine.embed(&texts).unwrap().iter().enumerate() {
            let expected = floats(&golden["vectors"][index]);
            let cosine: f32 = vector.iter().zip(&expected).map(|(a, b)| a * b).sum();
            eprintln!("{dtype:?} text {index}: cosine {cosine}");
            assert!(cosine >= least, "{dtype:?} text {index}: {cosine}");
        }
    }
}
