//! Model folders as hubs have them give what transformers and sentence-transformers compute of them. The folders
//! and what is expected were made by `tests/python/model_folders.py`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use graftlet::model::Backbone;
mod refused;
mod vectors;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::path::Path;

use graftlet::Result;
use graftlet::engine::Engine;
use graftlet::input::Batch;
use graftlet::input::text::Text;
use graftlet::model::folder::ModelFolder;
use graftlet::model::{
    Anatomy, Checkpoint, Dtype, Encoder, Hook, LinearSite, NoHook, Place, Table, convert_checkpoint,
};
use graftlet::ops::Activation;
use graftlet::tensor::Tensor;
use graftlet::tensor_file::{FloatType, TensorFileWriter};
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
    let (config, reader) = (&model.config, &model.reader);
    Engine::assemble(config, reader, &checkpoint, "00", model.sentence).unwrap()
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
                let tokens = engine.tokenizer().unwrap().encode(text).unwrap();
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
                let _ = Engine::assemble(&model.config, &model.reader, &model.checkpoint, "00", model.sentence);
            }
        }
    }
}
