//! PEFT's rules for choosing modules, ranks and biases, and the folders of the kinds that use them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;

use graftlet::adapter::{Bias, Config, FreshParams, GivenParams, KINDS, LoraConfig};
use graftlet::adapter::{Options, Parameter, preset};
use graftlet::folder::Card;
use graftlet::folder::TaskAdapter;
use graftlet::folder::{self, Files, Library};
use graftlet::head::{Head, HeadConfig, Pairs, Pooling, SINGLE_LABEL};
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::{Backbone, Encoder, Linear, LinearSite, Shape};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use graftlet::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use tiny::{HIDDEN, Tiny, normals};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

fn bert() -> Encoder {
    Tiny::new(3, 16, 5).bert()
}

fn read(shape: &Shape, config: Value) -> Result<Box<dyn Config>> {
    let lora = KINDS.iter().find(|kind| kind.name == "lora").unwrap();
    let Value::Object(map) = config else {
        panic!("a configuration is an object")
    };
    lora.peft[0].1(CONFIG, &map, shape)
}

/// The modules that a configuration chooses, as it is written again.
fn chosen(config: Value) -> Vec<String> {
    let bert = bert();
    let written = read(bert.shape(), config).unwrap();
    let written = written.write(Library::Peft, bert.shape()).unwrap();
    serde_json::from_value(written["target_modules"].clone()).unwrap()
}

fn queries(layers: &[usize]) -> Vec<String> {
    let path = |layer| format!("encoder.layer.{layer}.attention.self.query");
    layers.iter().map(path).collect()
}

#[test]
fn layers_are_chosen_by_number_and_pattern() {
    let query = |more: Value| {
        let mut config = json!({"target_modules": ["query"]});
        for (field, value) in more.as_object().unwrap() {
            config[field] = value.clone();
        }
        config
    };
    assert_eq!(chosen(query(json!({}))), ["query"]);
    assert_eq!(chosen(query(json!({"layers_to_transform": []}))), ["query"]);
    assert_eq!(
        chosen(query(json!({"layers_to_transform": 1}))),
        queries(&[1])
    );
    let both = json!({"layers_to_transform": [0, 2], "layers_pattern": "layer"});
    assert_eq!(chosen(query(both)), queries(&[0, 2]));
    let second = json!({"layers_to_transform": [0, 2], "layers_pattern": ["blocks", "layer"]});
    assert_eq!(chosen(query(second)), queries(&[0, 2]));
    // no module of that name has numbers, so nothing is left
    let other = json!({"layers_to_transform": [0], "layers_pattern": "blocks"});
    let error = read(bert().shape(), query(other)).err().unwrap();
    assert_eq!(error.code(), "config_invalid", "{error}");
    // a whole path is chosen whatever the layers are
    let path = "encoder.layer.1.attention.self.query";
    let whole = json!({"target_modules": [path], "layers_to_transform": [0]});
    assert_eq!(chosen(whole), queries(&[1]));
    let error = read(bert().shape(), query(json!({"layers_to_transform": [3]})))
        .err()
        .unwrap();
    assert_eq!(error.code(), "backbone_mismatch", "{error}");
}

#[test]
fn modules_are_excluded_by_ending_path_or_expression() {
    let without = |excluded: Value| {
        chosen(json!({"target_modules": ["query", "value"], "exclude_modules": excluded}))
    };
    assert_eq!(without(json!(["value"])), ["query"]);
    assert_eq!(without(json!(r".*\.value")), ["query"]);
    assert_eq!(without(json!([])), ["query", "value"]);
    let rest = without(json!(["value", "layer.1.attention.self.query"]));
    assert_eq!(rest, queries(&[0, 2]));
    for pattern in ["(", "a{2"] {
        let config = json!({"target_modules": ["query"], "exclude_modules": pattern});
        let error = read(bert().shape(), config);
        if let Err(error) = error {
            assert_eq!(error.code(), "config_invalid", "{error}");
        }
    }
}

/// The pooler is chosen as any other linear layer, but for its number, which it does not have.
#[test]
fn the_pooler_is_chosen_like_any_other() {
    let of = |config: Value| chosen(config);
    // "output.dense" is also how the attention's output layer ends
    let every = [
        "query",
        "key",
        "value",
        "output.dense",
        "intermediate.dense",
        "pooler.dense",
    ];
    assert_eq!(of(json!({"target_modules": "all-linear"})), every);
    let mut dense = of(json!({"target_modules": ["dense"]}));
    dense.sort();
    assert_eq!(
        dense,
        ["intermediate.dense", "output.dense", "pooler.dense"]
    );
    for target in [
        json!(["pooler.dense"]),
        json!(["bert.pooler.dense"]),
        json!(r".*pooler.*"),
        json!(r"bert\.pooler\.dense"),
    ] {
        assert_eq!(of(json!({ "target_modules": target })), ["pooler.dense"]);
    }
    let without = |more: Value| {
        let mut config = json!({"target_modules": ["query", "pooler.dense"]});
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        of(config)
    };
    for more in [
        json!({"exclude_modules": ["pooler.dense"]}),
        json!({"exclude_modules": ["dense"]}),
        json!({"exclude_modules": r".*pooler.*"}),
        json!({"modules_to_save": ["classifier", "pooler"]}),
        json!({"modules_to_save": ["pooler.dense"]}),
    ] {
        assert_eq!(without(more.clone()), ["query"], "{more}");
    }
    // a layer's number leaves it out, unless it is named by its whole path
    let some = json!({"target_modules": ["query", "dense"], "layers_to_transform": [1]});
    assert!(of(some).iter().all(|path| path.contains("layer.1.")));
    let path = json!({"target_modules": ["query", "pooler.dense"], "layers_to_transform": [1]});
    assert!(of(path).contains(&"pooler.dense".to_owned()));
}

#[test]
fn patterns_give_ranks_and_alphas_to_modules() {
    let bert = bert();
    let config = json!({
        "r": 2, "lora_alpha": 4, "target_modules": ["query", "value"],
        // the first key that fits counts; a key begins behind a dot
        "rank_pattern": {
            r"layer\.0\.attention\.self\.query": 5, "query": 3, "ery": 7, "self.value": 2,
            "encoder.layer.1.*": 4,
        },
        "alpha_pattern": {"value": 1.5},
    });
    let written = read(bert.shape(), config).unwrap();
    let written = written.write(Library::Peft, bert.shape()).unwrap();
    let path = |layer, name| format!("encoder.layer.{layer}.attention.self.{name}");
    let ranks: BTreeMap<String, usize> =
        serde_json::from_value(written["rank_pattern"].clone()).unwrap();
    let expected = [
        (path(0, "query"), 5),
        (path(1, "query"), 3),
        (path(2, "query"), 3),
        (path(0, "value"), 2),
        (path(1, "value"), 2),
        (path(2, "value"), 2),
    ];
    assert_eq!(ranks, expected.into());
    let alphas: BTreeMap<String, f64> =
        serde_json::from_value(written["alpha_pattern"].clone()).unwrap();
    let expected = [0, 1, 2].map(|layer| (path(layer, "value"), 1.5));
    assert_eq!(alphas, expected.into());
    for (field, value) in [
        ("rank_pattern", json!({"query": 0})),
        ("rank_pattern", json!({"query": -1})),
        ("rank_pattern", json!({"query": HIDDEN + 1})),
        ("rank_pattern", json!({"(": 2})),
        ("alpha_pattern", json!({"query": "x"})),
        ("lora_dropout", json!(1.0)),
        ("bias", json!("some")),
    ] {
        let mut config = json!({"target_modules": ["query"]});
        config[field] = value.clone();
        let error = read(bert.shape(), config).err().unwrap();
        let codes = ["config_invalid", "option_invalid"];
        assert!(codes.contains(&error.code()), "{field} = {value}: {error}");
    }
}

/// An adapter with a head whose parameters are all far from where they start.
fn task(bert: &Encoder, config: &dyn Config, library: Library, pooling: Pooling) -> TaskAdapter {
    let shape = bert.shape();
    let mut params = FreshParams::new(2);
    let adapter = config.build(shape, &mut params).unwrap();
    let head = HeadConfig {
        problem: SINGLE_LABEL.fresh(),
        pairs: Pairs::Joint,
        pooling,
        dense: None,
        labels: vec!["a".into(), "b".into()],
    };
    let built = Head::build(head.clone(), shape, &mut params).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let moved = [adapter.parameters(), built.parameters()].concat();
    let moved: Vec<Parameter> = moved
        .iter()
        .map(|parameter| {
            let noise = normals(&mut rng, parameter.tensor.len());
            let values = parameter.tensor.data().iter().zip(noise);
            let values: Vec<f32> = values.map(|(x, noise)| x + 0.2 * noise).collect();
            Parameter {
                name: parameter.name,
                tensor: Tensor::new(values, parameter.tensor.shape()),
            }
        })
        .collect();
    let mut params = GivenParams(&moved);
    TaskAdapter {
        adapter: config.build(shape, &mut params).unwrap(),
        head: Some(Head::build(head, shape, &mut params).unwrap()),
        card: Card::default(),
        library,
        original: None,
        float: FloatType::F32,
        bytes: 0,
    }
}

fn logits(bert: &Encoder, task: &TaskAdapter) -> Vec<f32> {
    let text = |ids: &[u32]| Encoded {
        ids: ids.to_vec(),
        type_ids: vec![0; ids.len()],
        truncated: false,
    };
    let texts = [text(&[2, 7, 9, 3]), text(&[2, 11, 3])];
    let states = bert.forward(&Batch::new(&texts), &*task.adapter).unwrap();
    let head = task.head.as_ref().unwrap();
    head.logits(bert, &*task.adapter, &states).data().to_vec()
}

fn names(files: &Files) -> Vec<String> {
    let file = TensorFile::parse(WEIGHTS, &files[WEIGHTS]).unwrap();
    file.names().map(str::to_owned).collect()
}

fn lora(bias: Bias) -> LoraConfig {
    let site = |layer| LinearSite::new(layer, Linear::Query);
    LoraConfig {
        rank: 2,
        alpha: 3.0,
        targets: [site(0), site(1), site(2)].into(),
        ranks: [(site(1), 4)].into(),
        bias,
        ..LoraConfig::default()
    }
}

#[test]
fn biases_are_called_what_peft_calls_them() {
    let bert = bert();
    let task = task(&bert, &lora(Bias::All), Library::Peft, Pooling::Pooler);
    let files = folder::save(&task, "mine", Library::Peft, bert.shape()).unwrap();
    let names = names(&files);
    for name in [
        "base_model.model.bert.embeddings.LayerNorm.bias",
        "base_model.model.bert.encoder.layer.0.attention.self.query.base_layer.bias",
        "base_model.model.bert.encoder.layer.0.attention.self.key.bias",
        "base_model.model.bert.encoder.layer.2.attention.output.dense.bias",
        "base_model.model.bert.encoder.layer.2.attention.output.LayerNorm.bias",
        "base_model.model.bert.encoder.layer.1.intermediate.dense.bias",
        "base_model.model.bert.encoder.layer.1.output.LayerNorm.bias",
        "base_model.model.bert.pooler.dense.bias",
    ] {
        assert!(
            names.contains(&name.to_owned()),
            "{name} is not in {names:?}"
        );
    }
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn edited(files: &Files, edit: impl FnOnce(&mut Tensors)) -> Files {
    let file = TensorFile::parse(WEIGHTS, &files[WEIGHTS]).unwrap();
    let mut tensors: Tensors = file
        .names()
        .map(|name| {
            let dims = file.info(name).unwrap().0;
            let data = file.floats(name, &dims).unwrap();
            (name.to_owned(), (dims, data))
        })
        .collect();
    edit(&mut tensors);
    let mut writer = TensorFileWriter::default();
    for (name, (dims, data)) in &tensors {
        writer.floats(name, dims, data, FloatType::F32);
    }
    let mut files = files.clone();
    files.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
    folder::list_files(&mut files).unwrap();
    files
}

/// With `bias = "all"` PEFT itself saves three biases of the head.
#[test]
fn what_peft_says_twice_is_no_surprise() {
    let bert = bert();
    let task = task(&bert, &lora(Bias::All), Library::Peft, Pooling::Pooler);
    let files = folder::save(&task, "mine", Library::Peft, bert.shape()).unwrap();
    let as_peft = edited(&files, |tensors| {
        let bias = tensors["base_model.model.classifier.bias"].clone();
        let original = "base_model.model.classifier.original_module.bias";
        tensors.insert(original.into(), (vec![2], vec![5.0, 6.0]));
        let trained = "base_model.model.classifier.modules_to_save.bias";
        tensors.insert(trained.into(), bias);
    });
    let again = folder::load("mine", &as_peft, bert.shape()).unwrap();
    assert_eq!(logits(&bert, &task), logits(&bert, &again));
    // two heads that differ are not
    let two = edited(&files, |tensors| {
        let trained = "base_model.model.classifier.modules_to_save.other.bias";
        tensors.insert(trained.into(), (vec![2], vec![5.0, 6.0]));
    });
    let error = folder::load("mine", &two, bert.shape()).err().unwrap();
    assert!(matches!(error, Error::UnsupportedFeature { .. }), "{error}");
    assert!(error.to_string().contains("other.bias"), "{error}");
    // a bias that is not there stays the backbone's, as with PEFT
    let fewer = edited(&files, |tensors| {
        tensors.retain(|name, _| !name.ends_with("LayerNorm.bias"));
    });
    let fewer = folder::load("mine", &fewer, bert.shape()).unwrap();
    assert_ne!(logits(&bert, &task), logits(&bert, &fewer));
}

fn config_of(files: &Files) -> Map<String, Value> {
    serde_json::from_slice(&files[CONFIG]).unwrap()
}

/// BitFit is written as a LoRA of zeros with all biases, which is what PEFT computes with it.
#[test]
fn bitfit_is_a_lora_to_peft() {
    let bert = bert();
    let options = Options::default();
    let config = (preset("bitfit").unwrap().config)(&options, bert.shape()).unwrap();
    let task = task(&bert, &*config, Library::Peft, Pooling::Pooler);
    let files = folder::save(&task, "mine", Library::Peft, bert.shape()).unwrap();
    let config = config_of(&files);
    assert_eq!(
        (&config["peft_type"], &config["bias"]),
        (&json!("LORA"), &json!("all"))
    );
    let again = folder::load("mine", &files, bert.shape()).unwrap();
    assert_eq!(again.adapter.config().kind().name, "bitfit");
    assert_eq!(logits(&bert, &task), logits(&bert, &again));
    assert_eq!(task.parameters(), again.parameters());
    // without graftlet's mark, as PEFT would save it again, it is the LoRA that it says it is
    let mut unmarked = files.clone();
    let mut config = config;
    config.remove("graftlet_bitfit").unwrap();
    unmarked.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    folder::list_files(&mut unmarked).unwrap();
    let as_lora = folder::load("mine", &unmarked, bert.shape()).unwrap();
    assert_eq!(as_lora.adapter.config().kind().name, "lora");
    assert_eq!(logits(&bert, &task), logits(&bert, &as_lora));
    // and with the mark its matrices must be zero
    let trained = edited(&files, |tensors| {
        let b = tensors
            .iter_mut()
            .find(|(name, _)| name.ends_with("lora_B.weight"));
        b.unwrap().1.1[0] = 1.0;
    });
    let error = folder::load("mine", &trained, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "unsupported_feature", "{error}");
    let error = folder::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap_err();
    assert_eq!(error.code(), "adapter_format", "{error}");
}
