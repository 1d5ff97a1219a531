//! Adapters of PEFT and AdapterHub on every family, against the libraries' logits; merged, and on a model of another family.

use graftlet::folder;
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::folder::ModelFolder;
use graftlet::model::{Backbone, Checkpoint, Encoder, Hook, NoHook};
use graftlet::tensor_file::TensorFile;
use serde_json::Value;

use super::{models, support};

/// Adapters that are refused, and the code of the error. AdapterHub reaches ModernBERT through an interface that names
/// modules of its own. PEFT's adapters on a checkpoint without a prediction head bring one of their own.
const REFUSED: [(&str, &str); 2] = [
    ("modernbert/hub/", "method_unsupported"),
    ("modernbert-biased/peft/", "backbone_mismatch"),
];

/// Logits, or the states where there is no head, of adapters that a library saved; `set` names the file of results and the
/// folder of adapters.
fn check_adapters(set: &str, least: usize) {
    let mut count = 0;
    let mut faults = Vec::new();
    for model in models() {
        let Some(results) = model.files.get(&format!("{set}.json")) else {
            continue;
        };
        let results: Value = serde_json::from_slice(results).unwrap();
        let tensors = model.files.get(&format!("{set}.safetensors"));
        let tensors = tensors.map(|bytes| TensorFile::open("results", bytes).unwrap());
        let (encoder, tokenizer) = model.open();
        for (name, case) in results["cases"].as_object().unwrap() {
            let what = format!("{}/{set}/{name}", model.name);
            let files = support::folder(&model.root.join(set).join(name));
            let refusal = REFUSED.iter().find(|(begin, _)| what.starts_with(begin));
            let task = match (folder::load(name, &files, encoder.shape()), refusal) {
                (Ok(task), None) => task,
                (Err(error), Some((_, code))) if error.code() == *code => continue,
                (Ok(_), Some((_, code))) => {
                    faults.push(format!("{what}: taken, and not refused with {code}"));
                    continue;
                }
                (Err(error), _) => {
                    faults.push(format!("{what}: {error}"));
                    continue;
                }
            };
            let ids = case["ids"].as_str().unwrap();
            for (index, (text, _)) in model.texts().iter().enumerate() {
                // PEFT drops the token types of a bare encoder with virtual tokens; here a pair keeps them
                let drops_types = case["task"] == "FEATURE_EXTRACTION";
                let has_types = matches!(
                    encoder.shape().anatomy.family.model_type,
                    "bert" | "electra"
                );
                let is_virtual = task.adapter.first_position() > 0;
                if drops_types && has_types && is_virtual && text.second.is_some() {
                    continue;
                }
                let expected: Vec<f32> = match (&case["logits"][index], &tensors) {
                    (Value::Array(row), _) => {
                        row.iter().map(|x| x.as_f64().unwrap() as f32).collect()
                    }
                    (_, Some(tensors)) => {
                        let name = format!("{name}.{index}");
                        let shape = tensors.info(&name).unwrap().0;
                        tensors.floats(&name, &shape).unwrap()
                    }
                    _ => panic!("{what} has no results"),
                };
                // the library was given as many tokens as it takes
                let golden = &model.golden["texts"][index];
                let given = golden
                    .get(ids)
                    .unwrap_or(&golden["ids"])
                    .as_array()
                    .unwrap();
                let sequence = tokenizer.encode_within(text, given.len()).unwrap();
                assert_eq!(sequence.ids.len(), given.len());
                let hook: &dyn Hook = &*task.adapter;
                let states = encoder.forward(&Batch::new([&sequence]), hook).unwrap();
                let found = match &task.head {
                    Some(head) => head.logits(&encoder, hook, &states),
                    None => states.x,
                };
                let far = found
                    .data()
                    .iter()
                    .zip(&expected)
                    .map(|(a, b)| (a - b).abs());
                let far = far.fold(0.0, f32::max);
                if found.len() != expected.len() || far > 1e-4 {
                    faults.push(format!("{what}, text {index}: off by {far}"));
                    break;
                }
                count += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count >= least, "{count} results were compared");
    println!("{set}: {count} results within 1e-4");
}

#[test]
fn adapters_of_peft_answer_as_in_peft() {
    check_adapters("peft", 250);
    check_adapters("prefix", 30);
}

#[test]
fn adapters_of_adapterhub_answer_as_there() {
    check_adapters("hub", 100);
}

#[test]
fn merged_adapters_compute_as_beside_the_model() {
    let (mut merged, mut refused) = (0, 0);
    for model in models() {
        let (encoder, tokenizer) = model.open();
        let config = ModelFolder::open(&model.files).unwrap().config;
        let sequences: Vec<Encoded> = (model.texts().iter().take(3))
            .map(|(text, _)| tokenizer.encode(text).unwrap())
            .collect();
        for entry in std::fs::read_dir(model.root.join("peft"))
            .into_iter()
            .flatten()
        {
            let files = support::folder(&entry.unwrap().path());
            let Ok(task) = folder::load("merged", &files, encoder.shape()) else {
                continue;
            };
            let files = match folder::merge(&task, &encoder) {
                Ok(files) => files,
                Err(error) => {
                    assert_eq!(error.code(), "adapter_format", "{}: {error}", model.name);
                    refused += 1;
                    continue;
                }
            };
            let checkpoint = Checkpoint::single(&files[folder::CHECKPOINT]);
            let alone = Encoder::load_checkpoint(&config, &checkpoint, "01").unwrap();
            for sequence in &sequences {
                let batch = Batch::new([sequence]);
                let beside = encoder.forward(&batch, &*task.adapter).unwrap();
                let inside = alone.forward(&batch, &NoHook).unwrap();
                let pairs = beside.x.data().iter().zip(inside.x.data());
                let far = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(
                    far < 1e-4,
                    "{}, {}: off by {far}",
                    model.name,
                    task.adapter.config().kind().name
                );
            }
            merged += 1;
        }
    }
    println!("{merged} merged, {refused} refused");
    assert!(
        merged > 40 && refused > 5,
        "{merged} merged, {refused} refused"
    );
}

#[test]
fn adapters_of_another_family_are_refused() {
    let models = models();
    let mut count = 0;
    for own in &models {
        let path = own.root.join("peft/lora_query_value");
        let (encoder, _) = own.open();
        let base = encoder.shape().anatomy.base().to_owned();
        if !path.is_dir() || base == "model" {
            continue;
        }
        let files = support::folder(&path);
        for other in &models {
            let (encoder, _) = other.open();
            if encoder.shape().anatomy.base() == base {
                continue;
            }
            let error = folder::load("foreign", &files, encoder.shape())
                .err()
                .unwrap();
            assert_eq!(
                error.code(),
                "backbone_mismatch",
                "{} on {}: {error}",
                own.name,
                other.name
            );
            assert!(error.to_string().contains("model type"), "{error}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
