//! AdapterFusion: fresh, trained and damaged.

use graftlet::adapter::FreshParams;
use graftlet::compose::fusion::{self, FusionConfig, Switches};
use graftlet::error::Result;
use graftlet::folder::{self, Library, Member};
use graftlet::input::Batch;
use graftlet::model::Backbone;
use graftlet::model::Dtype;
use graftlet::train::{Dataset, Event, Row, Settings, Trainer};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::goldens::{composition, find, golden};
use super::refused::refused;
use super::support::{fixture, folder};
use super::tiny::{self, normals};
use super::{Adapters, LAYERS, bits, engine, sequences, texts};

// ---- fusion

#[test]
fn a_fresh_fusion_mixes_evenly_and_trains() {
    let engine = engine(Dtype::F32);
    let backbone = engine.backbone().clone();
    let members = ["pfeiffer", "pfeiffer-2"].map(|name| Member {
        name: name.to_owned(),
        task: engine.shared(name).unwrap(),
    });
    let config =
        FusionConfig::new(Switches::default(), members.to_vec(), backbone.shape()).unwrap();
    use graftlet::adapter::Config as _;
    let fresh = config
        .build(backbone.shape(), &mut FreshParams::new(1))
        .unwrap();
    assert_eq!(fresh.parameters().len(), 5 * LAYERS);
    // a value matrix near the identity costs next to nothing
    let width = tiny::HIDDEN as f32;
    let expected = 0.01 * LAYERS as f32 * width * (width - 1.0) * 1e-12;
    let penalty = fresh.penalty().unwrap().data()[0];
    assert!(
        (penalty - expected).abs() < 1e-3 * expected,
        "{penalty} {expected}"
    );
    // the members are constants
    let batch = Batch::new(&sequences());
    let states = backbone.forward(&batch, &*fresh).unwrap();
    assert!(states.x.is_tracked());
    let gradients = states
        .x
        .clone()
        .backward_from(&normals(&mut ChaCha8Rng::seed_from_u64(1), states.x.len()));
    for parameter in fresh.parameters() {
        assert!(
            gradients.get(&parameter.tensor).is_some(),
            "{:?}",
            parameter.name
        );
    }
    for member in &members {
        for parameter in member.task.adapter.parameters() {
            assert!(gradients.get(&parameter.tensor).is_none());
        }
    }
}

/// A fusion is trained like any adapter, over members that stay as they are, and is saved and read again.
#[test]
fn a_trained_fusion() {
    let mut engine = engine(Dtype::F32);
    let member = |name: &str| Member {
        name: name.to_owned(),
        task: engine.shared(name).unwrap(),
    };
    let before: Vec<u32> = { engine.get("pfeiffer").unwrap().adapter.parameters().iter() }
        .flat_map(|p| bits(p.tensor.data()))
        .collect();
    let row = |(text, label): (&str, &str)| -> Row {
        serde_json::from_value(json!({ "text": text, "label": label })).unwrap()
    };
    let rows: Vec<Row> = [
        ("the film is good", "up"),
        ("a great song", "up"),
        ("a lovely meal", "up"),
        ("a warm book", "up"),
        ("the film is bad", "down"),
        ("a poor song", "down"),
        ("an awful meal", "down"),
        ("a cold book", "down"),
    ]
    .map(row)
    .into();
    let train = |members: Vec<Member>, learning_rate: f64| -> Result<_> {
        let settings = Settings {
            epochs: Some(40),
            batch_size: Some(8),
            learning_rate: Some(learning_rate),
            members,
            ..Settings::default()
        };
        let data = Dataset::for_training("rows", &rows, engine.reader())?;
        let dev = data.clone();
        let preset = fusion::preset("fusion")?;
        let mut trainer = Trainer::new(engine.backbone().clone(), preset, settings, data, dev)?;
        let mut losses = Vec::new();
        loop {
            match trainer.step()? {
                Event::Step { loss, .. } => losses.push(loss),
                Event::Done { .. } => break,
                _ => {}
            }
        }
        Ok((losses, trainer.finish()?))
    };
    let (losses, task) = train(vec![member("pfeiffer"), member("pfeiffer-2")], 0.02).unwrap();
    assert!(losses[losses.len() - 1] < 0.5 * losses[0], "{losses:?}");
    let after: Vec<u32> = { engine.get("pfeiffer").unwrap().adapter.parameters().iter() }
        .flat_map(|p| bits(p.tensor.data()))
        .collect();
    assert_eq!(before, after);
    assert_eq!(task.adapter.config().kind().name, "fusion");
    engine.insert("mixed", task);
    let texts = texts(3);
    let answers = engine.classify_with("mixed", &texts).unwrap();
    let files = engine.export("mixed", Library::AdapterHub).unwrap();
    engine.add("again", &files).unwrap();
    assert_eq!(engine.classify_with("again", &texts).unwrap(), answers);
    let by_hand = composition(&json!({ "fuse": ["pfeiffer", "pfeiffer-2"], "fusion": "again" }));
    let by_hand = engine.classify_with_all(&[by_hand], &texts).unwrap();
    assert_eq!(by_hand[0].answers, answers);
    // it keeps its members
    engine.remove("pfeiffer").unwrap();
    assert_eq!(engine.classify_with("again", &texts).unwrap(), answers);

    let train = |members: Vec<Member>| {
        let settings = Settings {
            members,
            ..Settings::default()
        };
        let data = Dataset::for_training("rows", &rows, engine.reader()).unwrap();
        let preset = fusion::preset("fusion").unwrap();
        Trainer::new(
            engine.backbone().clone(),
            preset,
            settings,
            data.clone(),
            data,
        )
    };
    refused(
        train(Vec::new()),
        "composition_invalid",
        &["no place in common"],
    );
    let lora = Member {
        name: "lora".into(),
        task: engine.shared("lora").unwrap(),
    };
    refused(
        train(vec![lora]),
        "composition_invalid",
        &["\"lora\" is lora"],
    );
    assert_eq!(fusion::preset("lora").unwrap().name, "lora");
    refused(fusion::preset("fussion"), "unknown_kind", &["fussion"]);
}

#[test]
fn fusions_that_cannot_be_read() {
    let (bert, adapters, _) = golden();
    let files = folder(&fixture("goldens/compose-tiny/dynamic"));
    let load = |change: &dyn Fn(&mut Value), adapters: &Adapters| {
        let mut files = files.clone();
        let mut config: Value = serde_json::from_slice(&files[folder::FUSION_CONFIG]).unwrap();
        change(&mut config);
        files.insert(
            folder::FUSION_CONFIG.into(),
            config.to_string().into_bytes(),
        );
        fusion::load("dynamic", &files, &find(adapters), bert.shape()).map(drop)
    };
    load(&|_| {}, &adapters).unwrap();
    refused(
        load(&|_| {}, &Adapters::new()),
        "adapter_unknown",
        &["pfeiffer_a"],
    );
    refused(
        load(&|c| c["config"]["temperature"] = json!(true), &adapters),
        "unsupported_feature",
        &["temperature"],
    );
    refused(
        load(&|c| c["config"]["new_switch"] = json!(true), &adapters),
        "unsupported_feature",
        &["new_switch"],
    );
    refused(
        load(&|c| c["config"] = json!("hash"), &adapters),
        "config_invalid",
        &[folder::FUSION_CONFIG, "hash", "dynamic"],
    );
    refused(
        load(&|c| c["hidden_size"] = json!(99), &adapters),
        "backbone_mismatch",
        &["99"],
    );
    refused(
        load(&|c| c["adapter_names"] = json!([]), &adapters),
        "composition_invalid",
        &["no place in common"],
    );
    refused(
        load(&|c| c["adapter_names"] = json!(3), &adapters),
        "config_invalid",
        &["adapter_names"],
    );
    refused(
        load(&|c| c["adapter_names"] = json!(["lora_a"]), &adapters),
        "composition_invalid",
        &["\"lora_a\" is lora"],
    );
    refused(
        load(&|c| c["config"]["key"] = json!(false), &adapters),
        "unsupported_feature",
        &["key"],
    );
    refused(
        load(&|c| c["config"]["key"] = json!(3), &adapters),
        "config_invalid",
        &["key"],
    );
    let mut without = files.clone();
    without.remove("model_adapter_fusion.safetensors");
    let result = fusion::load("dynamic", &without, &find(&adapters), bert.shape());
    refused(
        result.map(drop),
        "file_missing",
        &["model_adapter_fusion.safetensors"],
    );
    let result = fusion::load(
        "dynamic",
        &Default::default(),
        &find(&adapters),
        bert.shape(),
    );
    refused(result.map(drop), "file_missing", &[folder::FUSION_CONFIG]);
}
