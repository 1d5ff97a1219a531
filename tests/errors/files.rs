//! Files that are missing or damaged.

use graftlet::folder::{self, Library};
use graftlet::head::Pooling;
use graftlet::model::Dtype;
use graftlet::tensor_file::TensorFileWriter;
use serde_json::{Map, Value, json};

use super::backbones::refused_any;
use super::tiny::Tiny;
use super::training::trained;
use super::{
    CARD, GOLDENS, HEAD_CONFIG, WEIGHTS, golden, load, refused, tensor_files, tensors, weights_of,
    with_tensors, write,
};

// ---- files and tensors

#[test]
fn missing_files() {
    for name in GOLDENS {
        for file in golden(name).into_keys() {
            if file == HEAD_CONFIG {
                continue; // an adapter without a head is a whole one
            }
            let mut files = golden(name);
            files.remove(&file);
            refused(load(&files), "file_missing", &["\"mine\"", &file]);
        }
    }
}

#[test]
fn missing_misshapen_and_extra_tensors() {
    for name in GOLDENS {
        for &file in tensor_files(name) {
            let all: Vec<String> = tensors(&golden(name)[file]).into_keys().collect();
            for tensor in [&all[0], &all[all.len() / 2], &all[all.len() - 1]] {
                let quoted = format!("\"{tensor}\"");
                let words = [file, quoted.as_str()];
                // PEFT's head is there or not there by its weight
                if !tensor.ends_with("classifier.weight") {
                    let files = with_tensors(name, file, |all| drop(all.remove(tensor)));
                    refused(load(&files), "tensor_missing", &words);
                }
                let files = with_tensors(name, file, |all| {
                    let (shape, data) = all.get_mut(tensor).unwrap();
                    let row: usize = shape[1..].iter().product();
                    shape[0] += 1;
                    data.resize(data.len() + row, 0.0);
                });
                // one row more there is one label more, so it is the bias that does not fit
                let is_classifier = tensor.ends_with("classifier.weight");
                let words = if is_classifier {
                    [file, "classifier.bias"]
                } else {
                    words
                };
                refused(load(&files), "tensor_shape", &words);
            }
            let files = with_tensors(name, file, |all| {
                all.insert("stray.weight".into(), (vec![2], vec![0.0; 2]));
            });
            refused(
                load(&files),
                "unsupported_feature",
                &[file, "\"stray.weight\""],
            );
        }
    }
}

#[test]
fn numbers_that_are_none() {
    for name in GOLDENS {
        let file = weights_of(name);
        let all: Vec<String> = tensors(&golden(name)[file]).into_keys().collect();
        let tensor = &all[all.len() / 2];
        for (value, word) in [
            (f32::NAN, "NaN"),
            (f32::INFINITY, "infinity"),
            (f32::NEG_INFINITY, "infinity"),
        ] {
            for index in [0, 17] {
                // TensorFileWriter writes what it is given
                let files = with_tensors(name, file, |all| {
                    all.get_mut(tensor).unwrap().1[index] = value;
                });
                let place = format!("element {index}");
                let words = [file, tensor, word, &place];
                refused(load(&files), "tensor_not_finite", &words);
            }
        }
    }
}

#[test]
fn truncated_and_damaged_files() {
    for name in GOLDENS {
        for &file in tensor_files(name) {
            let whole = golden(name)[file].clone();
            let many = (0..64)
                .chain((64..whole.len()).step_by(whole.len() / 97))
                .chain([whole.len() - 1]);
            for length in many {
                let mut files = golden(name);
                files.insert(file.to_owned(), whole[..length].to_vec());
                refused(
                    load(&files),
                    "file_truncated",
                    &[file, &format!("({length} bytes)")],
                );
            }
            for damage in [
                "<html><body>404 Not Found</body></html>",
                "version https://git-lfs",
            ] {
                let mut files = golden(name);
                files.insert(file.to_owned(), damage.as_bytes().to_vec());
                let error = refused_any(load(&files), &["file_invalid", "file_truncated"]);
                assert!(error.to_string().contains(file), "{error}");
            }
        }
    }
    // integers where floats are needed
    let files = {
        let mut files = golden("ah_lora_r8");
        let mut writer = TensorFileWriter::default();
        for (name, (shape, data)) in tensors(&files[WEIGHTS]) {
            writer.int8(&name, &shape, &vec![1; data.len()]);
        }
        files.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
        files
    };
    refused(
        load(&files),
        "file_invalid",
        &[WEIGHTS, "lora_A", "I8", "floats"],
    );
}

/// One label an output, each once.
#[test]
fn labels_that_are_not_the_heads() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::F32);
    let mut task = trained(engine, "lora");
    let shape = engine.backbone().shape().clone();
    let own = task.card.labels.clone();
    assert_eq!(own.len(), 2);
    // in a file of its own, and in the library's
    let aside = folder::save(&task, "mine", Library::Peft, &shape).unwrap();
    let head = task.head.take().unwrap();
    let config = graftlet::head::HeadConfig {
        pooling: Pooling::Pooler,
        ..head.config().clone()
    };
    let mut given = graftlet::adapter::GivenParams(head.parameters());
    task.head = Some(graftlet::head::Head::build(config, &shape, &mut given).unwrap());
    let beside = folder::save(&task, "mine", Library::Peft, &shape).unwrap();
    assert!(aside.contains_key("graftlet_head.safetensors"));
    assert!(!beside.contains_key("graftlet_head.safetensors"));
    for files in [aside, beside] {
        for (labels, word) in [
            (json!(["neg"]), "1 label(s)"),
            (json!(["neg", "pos", "other"]), "2 output(s)"),
            (json!(["neg", "neg"]), "\"neg\" is there twice"),
            (json!(["neg", ""]), "label 2 is empty"),
            (json!([" ", "pos"]), "label 1 is empty"),
        ] {
            let mut files = files.clone();
            let mut card: Map<String, Value> = serde_json::from_slice(&files[CARD]).unwrap();
            card.insert("labels".into(), labels);
            files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
            folder::list_files(&mut files).unwrap();
            let words = [CARD, word, "each of the head's outputs once"];
            refused(
                folder::load("mine", &files, &shape),
                "config_invalid",
                &words,
            );
        }
    }
}

/// A model's other heads, which AdapterHub saves too if their names begin with this one's.
#[test]
fn other_heads_in_the_file_are_passed_over() {
    let mut files = golden("ah_lora_r8");
    let mut content = tensors(&files["model_head.safetensors"]);
    let own = content.clone();
    for (name, tensor) in own {
        let other = name.replacen(".1.", "_de.1.", 1);
        assert_ne!(other, name);
        content.insert(other, tensor);
    }
    files.insert("model_head.safetensors".into(), write(&content));
    assert!(load(&files).unwrap().head.is_some());
}
