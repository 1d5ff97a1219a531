//! Calls that have no answer.

use graftlet::Error;
use graftlet::folder::{self, Library};
use graftlet::input::text::{LongTexts, Text};
use graftlet::model::Dtype;
use graftlet::tensor_file::{FloatType, TensorFileWriter};
use serde_json::{Map, Value, json};

use super::tiny::{self, HIDDEN, Tiny, WORDS};
use super::training::trained;
use super::{CARD, CONFIG, GOLDENS, PEFT_WEIGHTS, golden, refused, tensors, write};

#[test]
fn an_adapter_without_a_head_has_no_answers() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::Int8);
    let mut task = trained(engine, "lora");
    task.head = None;
    engine.insert("headless", task);
    let words = ["\"headless\"", "without a head", "embed", "train --from"];
    let error = refused(
        engine.classify_with("headless", &["the cat"]),
        "head_missing",
        &words,
    );
    assert!(!error.to_string().contains("cannot be written"), "{error}");
    engine.activate(Some("headless")).unwrap();
    assert_eq!(engine.embed(&["the cat"]).unwrap()[0].len(), HIDDEN);
}

/// Values that overflow inside the encoder, where a softmax or the rounding of activations would make ordinary numbers of
/// them.
#[test]
fn what_overflows_inside_is_no_answer() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine = &mut Tiny::new(2, 16, 1).engine(dtype);
        let task = trained(engine, "lora");
        let shape = engine.backbone().shape();
        let mut files = folder::save(&task, "mine", Library::Peft, shape).unwrap();
        let mut content = tensors(&files[PEFT_WEIGHTS]);
        for (name, (_, data)) in &mut content {
            let large = name.contains("layer.0.attention.self.query");
            data.fill(if large { 1.0 } else { 0.0 });
        }
        files.insert(PEFT_WEIGHTS.into(), write(&content));
        let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
        config.insert("lora_alpha".into(), json!(3e38));
        files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
        folder::list_files(&mut files).unwrap();
        engine.add("huge", &files).unwrap();
        let text = ["the cat"];
        refused(
            engine.classify_with("huge", &text),
            "logits_not_finite",
            &["text 1", "alpha"],
        );
        engine.activate(Some("huge")).unwrap();
        refused(
            engine.embed(&text),
            "vector_not_finite",
            &["text 1", "alpha"],
        );
    }
}

/// What too large an alpha comes to: an error, and no label.
#[test]
fn logits_that_are_not_finite_are_no_answer() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::F32);
    let task = trained(engine, "lora");
    let mut files = folder::save(&task, "mine", Library::Peft, engine.backbone().shape()).unwrap();
    for (file, field) in [
        (PEFT_WEIGHTS, "lora_B"),
        ("graftlet_head.safetensors", "out.weight"),
    ] {
        let mut content = tensors(&files[file]);
        let large = content.iter_mut().filter(|(name, _)| name.contains(field));
        large.for_each(|(_, (_, data))| data.iter_mut().for_each(|x| *x = 3e38));
        files.insert(file.to_owned(), write(&content));
    }
    let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
    config.insert("lora_alpha".into(), json!(1e30));
    files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    folder::list_files(&mut files).unwrap();
    engine.add("huge", &files).unwrap();
    let words = ["the logit of", "alpha", "learning rate"];
    refused(
        engine.classify_with("huge", &["the cat"]),
        "logits_not_finite",
        &words,
    );
}

/// So is a temperature that makes them infinite.
#[test]
fn scores_that_are_not_finite_are_no_answer() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::F32);
    let task = trained(engine, "lora");
    let mut files = folder::save(&task, "mine", Library::Peft, engine.backbone().shape()).unwrap();
    let mut card: Map<String, Value> = serde_json::from_slice(&files[CARD]).unwrap();
    let calibration = json!({ "temperature": 1e-45, "error_before": 0.1, "error_after": 0.1 });
    card.insert("calibration".into(), calibration);
    files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
    folder::list_files(&mut files).unwrap();
    engine.add("cold", &files).unwrap();
    refused(
        engine.classify_with("cold", &["the cat"]),
        "logits_not_finite",
        &["the logit of"],
    );
}

// ---- texts

/// `count` words.
pub(super) fn words(count: usize) -> String {
    WORDS
        .iter()
        .cycle()
        .take(count)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn long_texts_are_cut_where_that_is_asked_for() {
    let mut engine = Tiny::new(1, 512, 1).engine(Dtype::Int8);
    let task = trained(&engine, "lora");
    engine.insert("mine", task);
    engine.activate(Some("mine")).unwrap();
    engine.set_long_texts(LongTexts::Truncate);
    let texts: Vec<Text> = [3, 510, 511, 2000]
        .iter()
        .map(|&n| words(n).as_str().into())
        .collect();
    let answers = engine.classify(&texts).unwrap();
    let read: Vec<(usize, bool)> = answers.iter().map(|a| (a.tokens, a.truncated)).collect();
    assert_eq!(read, [(5, false), (512, false), (512, true), (512, true)]);
    assert_eq!(
        answers[2].logits, answers[1].logits,
        "what is read is the beginning"
    );
    assert_eq!(answers[3].logits, answers[1].logits);
}

/// All of the 32 positions are the adapter's: no text fits.
#[test]
fn texts_without_room_for_virtual_tokens() {
    let mut engine = Tiny::new(1, 32, 1).engine(Dtype::Int8);
    let narrow = Tiny::new(1, 40, 1).engine(Dtype::Int8);
    let shape = narrow.backbone().shape();
    let task = trained(&narrow, "prompt");
    let mut files = folder::save(&task, "mine", Library::Peft, shape).unwrap();
    let config = String::from_utf8(files["adapter_config.json"].clone()).unwrap();
    let config = config.replace("\"num_virtual_tokens\": 8", "\"num_virtual_tokens\": 32");
    assert!(config.contains("32"), "{config}");
    files.insert("adapter_config.json".into(), config.into_bytes());
    let mut writer = TensorFileWriter::default();
    writer.floats(
        "prompt_embeddings",
        &[32, tiny::HIDDEN],
        &[0.1; 32 * tiny::HIDDEN],
        FloatType::F32,
    );
    files.insert(
        "adapter_model.safetensors".into(),
        writer.finish("pt").unwrap(),
    );
    folder::list_files(&mut files).unwrap();
    engine.add("mine", &files).unwrap();
    let words = ["32 virtual tokens", "the 32"];
    for long in [LongTexts::Windows, LongTexts::Truncate] {
        engine.set_long_texts(long);
        refused(
            engine.classify_with("mine", &["cat"]),
            "text_too_long",
            &words,
        );
    }
}

/// A head whose weights overflow.
#[test]
fn outputs_that_are_no_numbers() {
    let mut engine = Tiny::new(1, 32, 1).engine(Dtype::Int8);
    let task = trained(&engine, "lora");
    let shape = engine.backbone().shape();
    let mut files = folder::save(&task, "mine", Library::Peft, shape).unwrap();
    let mut writer = TensorFileWriter::default();
    let weights: Vec<f32> = (0..2 * tiny::HIDDEN)
        .map(|at| if at % 2 == 0 { 3e38 } else { -3e38 })
        .collect();
    writer.floats("out.weight", &[2, tiny::HIDDEN], &weights, FloatType::F32);
    writer.floats("out.bias", &[2], &[3e38, 3e38], FloatType::F32);
    files.insert(
        "graftlet_head.safetensors".into(),
        writer.finish("pt").unwrap(),
    );
    folder::list_files(&mut files).unwrap();
    engine.add("mine", &files).unwrap();
    let texts = ["cat", &words(100)];
    refused(
        engine.classify_with("mine", &texts),
        "logits_not_finite",
        &["text 1"],
    );
}

#[test]
fn empty_texts() {
    let mut engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let mut task = trained(&engine, "lora");
    task.card.pair = None;
    engine.insert("unknown", task);
    let task = trained(&engine, "lora");
    engine.insert("mine", task);
    engine.activate(Some("mine")).unwrap();
    for empty in ["", " ", "\n\t \u{a0}"] {
        let texts: Vec<Text> = ["the cat", "a dog", empty, ""].map(Text::from).to_vec();
        let error = refused(engine.classify(&texts), "text_empty", &["text 3"]);
        assert!(matches!(error, Error::TextEmpty { index: 2 }));
        refused(engine.embed(&texts[2..]), "text_empty", &["text 1"]);
        refused(
            engine.classify_with("unknown", &[Text::pair(empty, empty)]),
            "text_empty",
            &["text 1"],
        );
        engine
            .classify_with("unknown", &[Text::pair(empty, "a dog")])
            .unwrap();
    }
    assert!(engine.classify(&[] as &[Text]).unwrap().is_empty());
    // nothing that the tokenizer knows is still something
    engine.classify(&["\u{1F600}"]).unwrap();
}

// ---- the engine

#[test]
fn adapters_that_are_not_there() {
    let mut engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let texts = [Text::from("the cat")];
    refused(
        engine.classify(&texts),
        "adapter_not_in_use",
        &["no adapter is in use"],
    );
    refused(
        engine.classify_with("x", &texts),
        "adapter_unknown",
        &["\"x\"", "loaded: none"],
    );
    engine.insert(
        "mine",
        trained(&Tiny::new(1, 16, 1).engine(Dtype::Int8), "lora"),
    );
    engine.activate(Some("mine")).unwrap();
    let words = ["\"x\"", "loaded: mine"];
    refused(engine.activate(Some("x")), "adapter_unknown", &words);
    assert_eq!(engine.active(), Some("mine"), "the one in use stays so");
    refused(engine.get("x"), "adapter_unknown", &words);
    refused(engine.remove("x"), "adapter_unknown", &words);
    refused(engine.export("x", Library::Peft), "adapter_unknown", &words);
    assert_eq!(engine.active(), Some("mine"));
    engine.remove("mine").unwrap();
    refused(engine.classify(&texts), "adapter_not_in_use", &[]);
    refused(
        engine.remove("mine"),
        "adapter_unknown",
        &["\"mine\"", "loaded: none"],
    );
}

/// What cannot be loaded leaves what was loaded under its name.
#[test]
fn a_refused_folder_changes_nothing() {
    let mut engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let task = trained(&engine, "lora");
    engine.insert("mine", task);
    engine.activate(Some("mine")).unwrap();
    let before = engine.classify(&["the cat"]).unwrap();
    refused(
        engine.add("mine", &golden(GOLDENS[0])),
        "backbone_mismatch",
        &["384", "16"],
    );
    assert_eq!(engine.classify(&["the cat"]).unwrap(), before);
}

/// The other ways in which adapters cannot be composed are in `compose.rs`.
#[test]
fn blocks_that_cannot_stand_in_one_another() {
    use graftlet::compose::Composition;
    let json = json!({ "average": ["a", { "parallel": ["b", "c"] }] });
    let composition = Composition::from_json(&json).unwrap();
    let mut engine = Tiny::new(1, 8, 1).engine(Dtype::F32);
    refused(
        engine.activate_composition(composition),
        "composition_invalid",
        &[
            "average[1]",
            "\"parallel\" cannot stand in \"average\"",
            "adapter, stack, split",
        ],
    );
}
