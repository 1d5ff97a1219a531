//! Model folders as hubs have them give what transformers and sentence-transformers compute of them. The folders
//! and what is expected were made by `tests/python/model_folders.py`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::path::Path;

use graftlet::engine::Engine;
use graftlet::input::text::{Batch, LongTexts, Text};
use graftlet::model::folder::ModelFolder;
use graftlet::model::{
    Anatomy, Backbone, Checkpoint, Dtype, Encoder, Hook, LinearSite, NoHook, Place,
    SentenceEmbedding, Table, convert_checkpoint,
};
use graftlet::ops::Activation;
use graftlet::tensor::Tensor;
use graftlet::tensor_file::{FloatType, TensorFileWriter};
use graftlet::{Error, Result};
use serde_json::{Value, json};
use support::{assert_close, fixture};

type Files = BTreeMap<String, Vec<u8>>;

const FOLDERS: [&str; 9] = [
    "gelu-f16",
    "gelu_new-bin",
    "legacy",
    "relu-shards",
    "silu-bin-shards",
    "st-cls-max-mean",
    "st-sqrt-plain",
    "st-weighted-last",
    "tanh-bf16",
];

/// The files of a fixture, those of folders below with their path.
fn files(name: &str) -> Files {
    fn collect(folder: &Path, path: &str, found: &mut Files) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{path}{}", entry.file_name().into_string().unwrap());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut found = Files::new();
    collect(&fixture(&format!("models/{name}")), "", &mut found);
    found
}

fn expected(files: &Files) -> Value {
    serde_json::from_slice(&files["expected.json"]).unwrap()
}

fn texts(expected: &Value) -> Vec<Text> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let singles = expected["texts"].as_array().unwrap().iter();
    let pairs = expected["pairs"].as_array().unwrap().iter();
    singles
        .map(|one| text(one).as_str().into())
        .chain(pairs.map(|pair| Text::pair(&text(&pair[0]), &text(&pair[1]))))
        .collect()
}

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        #[allow(clippy::cast_possible_truncation)]
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn open(files: &Files) -> ModelFolder<'_> {
    ModelFolder::open(files).unwrap()
}

fn engine(model: ModelFolder<'_>, dtype: Option<Dtype>) -> Engine {
    let converted;
    let checkpoint = match dtype {
        None => model.checkpoint,
        Some(dtype) => {
            converted =
                convert_checkpoint(&model.config, &model.checkpoint, dtype, &mut |_| ()).unwrap();
            Checkpoint::single(&converted)
        }
    };
    let (config, tokenizer) = (&model.config, &model.tokenizer);
    Engine::assemble(config, tokenizer, &checkpoint, "00", model.sentence).unwrap()
}

/// Token ids to the last, and last hidden states within 2e-5 as they are and converted to f32, within 2e-3 in f16.
/// In int8 the weights of a model this small are off by up to 1/254 of a row's largest, which these limits allow for.
#[test]
fn every_form_of_a_folder_computes_what_transformers_does() {
    for name in FOLDERS {
        let files = files(name);
        let expected = expected(&files);
        for (dtype, tolerance) in [
            (None, 2e-5),
            (Some(Dtype::F32), 2e-5),
            (Some(Dtype::F16), 5e-3),
            (Some(Dtype::Int8), 0.15),
        ] {
            let engine = engine(open(&files), dtype);
            for (index, text) in texts(&expected).iter().enumerate() {
                let tokens = engine.tokenizer().encode(text).unwrap();
                assert_eq!(json!(tokens.ids), expected["ids"][index], "{name} {text:?}");
                assert_eq!(
                    json!(tokens.type_ids),
                    expected["type_ids"][index],
                    "{name}"
                );
                let batch = Batch::new(std::slice::from_ref(&tokens));
                let states = engine.backbone().forward(&batch, &NoHook).unwrap();
                assert_close(
                    states.x.data(),
                    &floats(&expected["states"][index]),
                    tolerance,
                    &format!("{name} {dtype:?} {text:?}"),
                );
            }
        }
    }
}

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
    let error = engine.embed(&["the cat".into()]).unwrap_err();
    assert_eq!(error.code(), "model_unsupported");
    assert!(error.to_string().contains("Dense (3_Dense/)"), "{error}");
}

/// Old releases of sentence-transformers keep the encoder in a folder below.
#[test]
fn an_encoder_below_the_folder_is_found() {
    let own = files("st-cls-max-mean");
    let mut files = Files::new();
    for (name, content) in &own {
        let is_outer = name == "modules.json" || name.contains('/');
        let path = if is_outer { "" } else { "0_BERT/" };
        files.insert(format!("{path}{name}"), content.clone());
    }
    let modules = String::from_utf8(own["modules.json"].clone()).unwrap();
    let modules = modules.replacen(r#""path": """#, r#""path": "0_BERT""#, 1);
    files.insert("modules.json".into(), modules.into_bytes());
    let model = open(&files);
    assert_eq!(model.sentence, open(&own).sentence);
    assert_eq!(
        model.checkpoint.fingerprint(),
        open(&own).checkpoint.fingerprint()
    );
}

/// A checkpoint whose tensors' names all stand behind a prefix, or lack one, gives the same states.
#[test]
fn any_prefix_is_found() {
    let tiny = tiny::Tiny::new(1, 8, 3);
    let plain = states(&tiny.config(), &tiny.checkpoint()).unwrap();
    for prefix in [
        "bert.",
        "model.",
        "0.auto_model.",
        "module.bert.",
        "encoder.",
        "_orig_mod.",
    ] {
        let mut writer = TensorFileWriter::default();
        for (name, shape, data) in &tiny.tensors {
            writer.floats(&format!("{prefix}{name}"), shape, data, FloatType::F32);
        }
        let checkpoint = writer.finish("pt").unwrap();
        assert_eq!(
            states(&tiny.config(), &checkpoint).unwrap(),
            plain,
            "{prefix}"
        );
    }
    // other families have BERT's names behind their own, and other arithmetic
    for prefix in ["roberta.", "model.electra."] {
        let mut writer = TensorFileWriter::default();
        for (name, shape, data) in &tiny.tensors {
            writer.floats(&format!("{prefix}{name}"), shape, data, FloatType::F32);
        }
        let error = states(&tiny.config(), &writer.finish("pt").unwrap()).unwrap_err();
        assert_eq!(error.code(), "model_unsupported", "{error}");
    }
}

/// Word embeddings that a file has only under the name of what shares them.
#[test]
fn tied_word_embeddings_are_found() {
    let tiny = tiny::Tiny::new(1, 8, 3);
    let plain = states(&tiny.config(), &tiny.checkpoint()).unwrap();
    let mut writer = TensorFileWriter::default();
    for (name, shape, data) in &tiny.tensors {
        let name = match name.as_str() {
            "embeddings.word_embeddings.weight" => "cls.predictions.decoder.weight".to_owned(),
            other => format!("bert.{other}"),
        };
        writer.floats(&name, shape, data, FloatType::F32);
    }
    let checkpoint = writer.finish("pt").unwrap();
    assert_eq!(states(&tiny.config(), &checkpoint).unwrap(), plain);
}

fn states(config: &Anatomy, checkpoint: &[u8]) -> Result<Vec<f32>> {
    let bert = Encoder::load(config, checkpoint, "00")?;
    let tokens = graftlet::input::text::Encoded {
        ids: vec![2, 7, 9, 3],
        type_ids: vec![0; 4],
        truncated: false,
    };
    let states = bert.forward(&Batch::new(std::slice::from_ref(&tokens)), &NoHook)?;
    Ok(states.x.data().to_vec())
}

/// Fields that are absent or null have the defaults of transformers' `Anatomy`.
#[test]
fn absent_fields_have_the_defaults_of_transformers() {
    let config = Anatomy::from_json(br#"{"model_type": null, "layer_norm_eps": null}"#).unwrap();
    let sizes = [
        config.hidden_size,
        config.layers(),
        config.heads,
        config.intermediate_size,
        config.vocab_size,
        config.max_tokens,
        config
            .module(Place::Table(Table::TokenTypes))
            .unwrap()
            .shape[0],
    ];
    assert_eq!(sizes, [768, 12, 12, 3072, 30522, 512, 2]);
    assert!((config.norm_eps - 1e-12).abs() < 1e-20);
    assert_eq!(config.blocks[0].activation, Activation::Gelu);
    let acts = [
        ("gelu_new", Activation::GeluNew),
        ("gelu_pytorch_tanh", Activation::GeluNew),
        ("gelu_fast", Activation::GeluNew),
        ("relu", Activation::Relu),
        ("silu", Activation::Swish),
        ("swish", Activation::Swish),
        ("quick_gelu", Activation::QuickGelu),
    ];
    for (name, activation) in acts {
        let json = json!({ "hidden_act": name }).to_string();
        let config = Anatomy::from_json(json.as_bytes()).unwrap();
        assert_eq!(config.blocks[0].activation, activation, "{name}");
    }
}

#[track_caller]
fn refused(files: &Files, code: &str, words: &[&str]) -> Error {
    let Err(error) = ModelFolder::open(files) else {
        panic!("accepted");
    };
    let said = error.to_string();
    assert_eq!(error.code(), code, "{said}");
    for word in words {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    assert!(!said.contains("adapter's answers"), "{said}");
    assert!(said.len() <= 300, "{said}");
    error
}

#[test]
fn other_architectures_are_named() {
    for (config, words) in [
        (
            json!({"model_type": "albert", "architectures": ["AlbertForMaskedLM"]}),
            ["an ALBERT model", "AlbertForMaskedLM"],
        ),
        (
            json!({"model_type": "deberta-v2", "architectures": ["DebertaV2Model"]}),
            ["a DeBERTa-v2 model", "DebertaV2Model"],
        ),
        (
            json!({"model_type": "mobilebert"}),
            ["a MobileBERT model", "BERT, RoBERTa"],
        ),
        (
            json!({"architectures": ["XLNetModel"]}),
            ["an XLNetModel model", "ModernBERT"],
        ),
        (
            json!({"model_type": "nomic_bert"}),
            ["a Nomic BERT model", "ModernBERT"],
        ),
        (
            json!({"model_type": "t5", "architectures": ["T5EncoderModel"]}),
            ["a T5 model", "T5EncoderModel"],
        ),
        (
            json!({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}),
            ["a Llama model", "LlamaForCausalLM"],
        ),
        (
            json!({"architectures": ["FunnelModel"]}),
            ["FunnelModel", "ModernBERT"],
        ),
        (
            json!({"model_type": "brand-new"}),
            ["brand-new", "BERT, RoBERTa"],
        ),
        (
            json!({"model_type": "bert", "architectures": ["JinaBertModel"], "auto_map": {"AutoModel": "x"}}),
            ["JinaBertModel", "BERT, RoBERTa"],
        ),
        (
            json!({"model_type": "bert", "position_embedding_type": "relative_key"}),
            ["relative_key", "absolute"],
        ),
        (
            json!({"model_type": "bert", "is_decoder": true}),
            ["decoder", "encoders"],
        ),
        (
            json!({"model_type": "bert", "hidden_act": "prelu"}),
            ["prelu", "gelu"],
        ),
        (
            json!({"model_type": "bert", "quantization_config": {"quant_method": "gptq"}}),
            ["gptq", "original"],
        ),
    ] {
        let mut files = files("legacy");
        files.insert("config.json".into(), config.to_string().into_bytes());
        refused(&files, "model_unsupported", &words);
    }
}

#[test]
fn other_formats_are_named_with_what_is_needed() {
    for (name, format) in [
        ("onnx/model.onnx", "ONNX"),
        ("model_quantized.onnx", "ONNX"),
        ("bert-q4_0.gguf", "GGUF"),
        ("tf_model.h5", "TensorFlow"),
        ("bert_model.ckpt.index", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
    ] {
        let mut files = files("legacy");
        files.remove("model.safetensors");
        files.insert(name.into(), b"x".to_vec());
        refused(
            &files,
            "model_unsupported",
            &[format, "model.safetensors", "pytorch_model.bin"],
        );
        files.remove("config.json");
        refused(&files, "model_unsupported", &[format]);
    }
    let mut adapter = Files::new();
    adapter.insert("adapter_config.json".into(), b"{}".to_vec());
    refused(
        &adapter,
        "file_missing",
        &["config.json", "adapter's folder"],
    );
    refused(&Files::new(), "file_missing", &["config.json"]);
}

#[test]
fn what_a_download_left_is_named() {
    let mut pointer = files("legacy");
    let text = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    pointer.insert("model.safetensors".into(), text.to_vec());
    refused(
        &pointer,
        "file_invalid",
        &["model.safetensors", "git lfs pull"],
    );
    pointer.insert("model.safetensors".into(), b"\n<!DOCTYPE html>".to_vec());
    refused(&pointer, "file_invalid", &["web page"]);

    let mut shard = files("relu-shards");
    shard.remove("model-00002-of-00002.safetensors");
    refused(
        &shard,
        "file_missing",
        &["model-00002-of-00002.safetensors", "index"],
    );
    let index = br#"{"weight_map": {"a": "../x.safetensors"}}"#;
    shard.insert("model.safetensors.index.json".into(), index.to_vec());
    refused(&shard, "config_invalid", &["../x.safetensors"]);

    let mut no_words = files("legacy");
    no_words.remove("vocab.txt");
    refused(&no_words, "file_missing", &["tokenizer.json or vocab.txt"]);
    no_words.insert("vocab.txt".into(), b"a\nb\n".to_vec());
    refused(&no_words, "config_invalid", &["vocab.txt", "[CLS]"]);
    no_words.insert("vocab.txt".into(), b"\xff\xfe".to_vec());
    refused(&no_words, "file_invalid", &["UTF-8"]);
    let mut japanese = files("legacy");
    let class = br#"{"tokenizer_class": "BertJapaneseTokenizer"}"#;
    japanese.insert("tokenizer_config.json".into(), class.to_vec());
    refused(&japanese, "model_unsupported", &["BertJapaneseTokenizer"]);
}

/// More tokens than the model has embeddings.
#[test]
fn a_vocabulary_that_is_too_large_is_refused() {
    let mut files = files("silu-bin-shards");
    let words = files["vocab.txt"].iter().filter(|byte| **byte == b'\n');
    let first = words.count();
    let added = |first: usize| {
        let tokens = (0..5).map(|index| (format!("added{index}"), json!(first + index)));
        Value::Object(tokens.collect()).to_string().into_bytes()
    };
    files.insert("added_tokens.json".into(), added(first + 1));
    refused(
        &files,
        "config_invalid",
        &["added_tokens.json", "added0", "next"],
    );
    files.insert("added_tokens.json".into(), added(first));
    let model = open(&files);
    let engine = Engine::assemble(
        &model.config,
        &model.tokenizer,
        &model.checkpoint,
        "00",
        SentenceEmbedding::default(),
    );
    let Err(error) = engine else {
        panic!("accepted")
    };
    assert_eq!(error.code(), "config_invalid", "{error}");
}

/// Codes are not read as weights a second time.
#[test]
fn a_converted_file_is_not_converted_again() {
    let tiny = tiny::Tiny::new(1, 8, 3);
    let checkpoint = tiny.checkpoint();
    let original = Checkpoint::single(&checkpoint);
    let int8 = convert_checkpoint(&tiny.config(), &original, Dtype::Int8, &mut |_| ()).unwrap();
    let error = convert_checkpoint(
        &tiny.config(),
        &Checkpoint::single(&int8),
        Dtype::F32,
        &mut |_| (),
    );
    let error = error.unwrap_err();
    assert_eq!(error.code(), "file_invalid");
    assert!(error.to_string().contains("converted from"), "{error}");
}

/// A gradient comes back through every nonlinearity of the feed-forward network as finite differences say.
#[test]
fn every_nonlinearity_has_its_gradient() {
    /// Adds a tracked tensor to what one linear layer gives.
    struct Added(Tensor);
    impl Hook for Added {
        fn changes_output(&self, site: LinearSite) -> bool {
            site.linear == graftlet::model::Linear::FfnUp
        }
        fn after_linear(&self, site: LinearSite, _: &Tensor, y: Tensor) -> Tensor {
            if self.changes_output(site) {
                graftlet::ops::add(y, &self.0)
            } else {
                y
            }
        }
        fn lowest_layer(&self) -> Option<usize> {
            Some(0)
        }
    }
    let tiny = tiny::Tiny::new(1, 8, 3);
    let tokens = graftlet::input::text::Encoded {
        ids: vec![2, 7, 3],
        type_ids: vec![0; 3],
        truncated: false,
    };
    let batch = Batch::new(std::slice::from_ref(&tokens));
    let shape = [3, tiny::FFN];
    let start: Vec<f32> = (0..3 * tiny::FFN).map(|i| (i as f32 * 0.7).sin()).collect();
    for act in ["gelu", "gelu_new", "relu", "silu"] {
        let mut config = tiny.config();
        let activation = serde_json::from_value(json!(act)).unwrap();
        for block in &mut config.blocks {
            block.activation = activation;
        }
        let bert = Encoder::load(&config, &tiny.checkpoint(), "00").unwrap();
        let weights: Vec<f32> = (0..3 * tiny::HIDDEN)
            .map(|i| (i as f32 * 1.3).cos())
            .collect();
        let loss = |x: &[f32]| -> f64 {
            let hook = Added(Tensor::new(x.to_vec(), &shape));
            let y = bert.forward(&batch, &hook).unwrap().x;
            let pairs = y.data().iter().zip(&weights);
            pairs.map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
        };
        let x = Tensor::variable(start.clone(), &shape);
        let y = bert.forward(&batch, &Added(x.clone())).unwrap().x;
        let gradients = y.backward_from(&weights);
        let found = gradients.get(&x).unwrap();
        for index in (0..start.len()).step_by(7) {
            let step = 1e-2;
            let at = |offset: f32| {
                let mut moved = start.clone();
                moved[index] += offset;
                loss(&moved)
            };
            let expected = (at(step) - at(-step)) / (2.0 * f64::from(step));
            let difference = (f64::from(found[index]) - expected).abs();
            assert!(
                difference < 5e-3,
                "{act} {index}: {} {expected}",
                found[index]
            );
        }
    }
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

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        rng_seed: proptest::test_runner::RngSeed::Fixed(4),
        ..proptest::test_runner::Config::with_cases(300)
    })]

    /// Any bytes in place of any of a folder's small files are read or refused.
    #[test]
    fn no_file_of_a_folder_panics(which in 0usize..5, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), json in "[\\[\\]{}:,\"a-z0-9_. ]{0,80}") {
        let name = ["config.json", "vocab.txt", "tokenizer_config.json", "modules.json", "1_Pooling/config.json"][which];
        for content in [bytes, json.into_bytes()] {
            let mut files = files("st-cls-max-mean");
            files.insert(name.into(), content);
            if let Ok(model) = ModelFolder::open(&files) {
                let _ = Engine::assemble(&model.config, &model.tokenizer, &model.checkpoint, "00", model.sentence);
            }
        }
    }
}
