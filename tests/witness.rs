//! An independent witness: candle-transformers' own models compute the same hidden states, for the families that it has.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, distilbert, modernbert, xlm_roberta};
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::folder::ModelFolder;
use graftlet::model::{Backbone, Encoder, NoHook};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

type Files = BTreeMap<String, Vec<u8>>;

/// A model of `tests/fixtures/families`.
fn model(name: &str) -> Files {
    let root = support::fixture(&format!("families/{name}"));
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    };
    files.map(read).collect()
}

/// The weights as candle takes them, with and without what stands before the encoder's names.
fn weights(files: &Files) -> VarBuilder<'static> {
    let tensors = candle_core::safetensors::load_buffer(&files["model.safetensors"], &Device::Cpu);
    let mut all = HashMap::new();
    for (name, tensor) in tensors.unwrap() {
        if let Some((_, rest)) = name.split_once('.') {
            all.insert(rest.to_owned(), tensor.clone());
        }
        all.insert(name, tensor);
    }
    VarBuilder::from_tensors(all, DType::F32, &Device::Cpu)
}

/// The configuration, with fields that candle asks for and transformers no longer writes.
fn config<T: DeserializeOwned>(files: &Files, more: Value) -> T {
    let mut fields: Map<String, Value> = serde_json::from_slice(&files["config.json"]).unwrap();
    for (name, value) in more.as_object().unwrap() {
        fields.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    serde_json::from_value(fields.into()).unwrap()
}

/// Compares the last states of the golden texts. `states` gives candle's, of ids and a mask of ones.
fn check(
    name: &str,
    tolerance: f32,
    states: impl Fn(&Files) -> Box<dyn Fn(&Tensor, &Tensor) -> Tensor>,
) {
    let files = model(name);
    let folder = ModelFolder::open(&files).unwrap();
    let encoder = Encoder::load_checkpoint(&folder.config, &folder.checkpoint, "00").unwrap();
    let golden: Value = serde_json::from_slice(&files["goldens.json"]).unwrap();
    let states = states(&files);
    let mut worst = 0f32;
    let texts = golden["texts"].as_array().unwrap();
    for text in texts.iter().filter(|text| text["pair"].is_null()) {
        let ids: Vec<u32> = serde_json::from_value(text["ids"].clone()).unwrap();
        let count = ids.len();
        let tensor = Tensor::from_vec(ids.clone(), (1, count), &Device::Cpu).unwrap();
        let expected = states(&tensor, &tensor.ones_like().unwrap());
        let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
        let sequence = Encoded {
            type_ids: vec![0; count],
            truncated: false,
            ids,
        };
        let found = encoder.forward(&Batch::new([&sequence]), &NoHook).unwrap();
        worst = worst.max(support::assert_close(
            found.x.data(),
            &expected,
            tolerance,
            name,
        ));
    }
    println!(
        "{name}: {} texts within {worst:.1e} of candle's states",
        texts.len()
    );
}

#[test]
fn bert_agrees() {
    check("bert", 1e-5, |files| {
        let model = bert::BertModel::load(weights(files), &config(files, json!({}))).unwrap();
        Box::new(move |ids, mask| {
            model
                .forward(ids, &ids.zeros_like().unwrap(), Some(mask))
                .unwrap()
        })
    });
}

#[test]
fn xlm_roberta_agrees() {
    for name in ["xlm-roberta", "roberta", "camembert"] {
        check(name, 1e-5, |files| {
            let config = config(files, json!({"position_embedding_type": "absolute"}));
            let model = xlm_roberta::XLMRobertaModel::new(&config, weights(files)).unwrap();
            Box::new(move |ids, mask| {
                let types = ids.zeros_like().unwrap();
                model.forward(ids, mask, &types, None, None, None).unwrap()
            })
        });
    }
}

#[test]
fn distilbert_agrees() {
    // candle has the tanh form of GELU here, transformers the exact one
    check("distilbert", 1e-3, |files| {
        let model =
            distilbert::DistilBertModel::load(weights(files), &config(files, json!({}))).unwrap();
        // its mask is true for what is not seen
        Box::new(move |ids, _| {
            let count = ids.dims()[1];
            let mask = Tensor::zeros((count, count), DType::U8, &Device::Cpu).unwrap();
            model.forward(ids, &mask).unwrap()
        })
    });
}

#[test]
fn modernbert_agrees() {
    check("modernbert", 1e-5, |files| {
        let config = config(files, json!({"layer_norm_eps": 1e-5}));
        let model = modernbert::ModernBert::load(weights(files), &config).unwrap();
        Box::new(move |ids, mask| model.forward(ids, mask).unwrap())
    });
}
