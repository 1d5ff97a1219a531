//! The configurations of bottlenecks and IA3: what AdapterHub's and PEFT's say, and what cannot be said.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/bottlenecks.rs"]
mod bottlenecks;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/rows.rs"]
mod rows;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use differences::{LAYERS, double};
use graftlet::adapter::{
    Adapter, BottleneckConfig, Config, FreshParams, GivenParams, Parameter, Reduction,
};
use graftlet::error::Error;
use graftlet::folder::{self, CONFIG, Files, Library};
use graftlet::folder::{Card, TaskAdapter};
use graftlet::model::{Backbone, Join, Sublayer};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::Vector;
use serde_json::{Value, json};
use tiny::{HIDDEN, Tiny, normals};

/// With random numbers in the place of all parameters, none of which is then 0 or 1.
fn filled(config: &dyn Config, bert: &dyn Backbone) -> Box<dyn Adapter> {
    let fresh = config
        .build(bert.shape(), &mut FreshParams::new(3))
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let parameters: Vec<Parameter> = fresh
        .parameters()
        .iter()
        .map(|parameter| Parameter {
            name: parameter.name,
            tensor: Tensor::new(
                normals(&mut rng, parameter.tensor.len()),
                parameter.tensor.shape(),
            ),
        })
        .collect();
    config
        .build(bert.shape(), &mut GivenParams(&parameters))
        .unwrap()
}

// ---- files

fn task(adapter: Box<dyn Adapter>, library: Library) -> TaskAdapter {
    TaskAdapter {
        adapter,
        head: None,
        card: Card::default(),
        library,
        original: None,
        float: FloatType::F32,
        bytes: 0,
    }
}

/// PyTorch writes the norm at the input under both of its names.
#[test]
fn a_second_name_of_one_tensor_is_passed_over() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    let config = BottleneckConfig {
        input_norm: true,
        ..BottleneckConfig::pfeiffer(LAYERS)
    };
    let task = task(filled(&config, &bert), Library::AdapterHub);
    let mut files = folder::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap();
    const WEIGHTS: &str = "adapter.safetensors";
    let bytes = files.remove(WEIGHTS).unwrap();
    let file = TensorFile::parse(WEIGHTS, &bytes).unwrap();
    let mut writer = TensorFileWriter::default();
    for key in file.names() {
        let (shape, _) = file.info(key).unwrap();
        let data = file.floats(key, &shape).unwrap();
        writer.floats(key, &shape, &data, FloatType::F32);
        if let Some((path, part)) = key.split_once("adapter_down.0.") {
            let second = format!("{path}adapter_norm_before.{part}");
            writer.floats(&second, &shape, &data, FloatType::F32);
        }
    }
    files.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
    folder::list_files(&mut files).unwrap();
    folder::load("mine", &files, bert.shape()).unwrap();
    // without the norm such tensors have no place
    let without = changed(&files, "ln_before", json!(false));
    let error = folder::load("mine", &without, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "tensor_shape", "{error}");
}

/// The written lists are PEFT's own where they can be: "output.dense" is the end of two layers' paths.
#[test]
fn ia3_names_its_modules_as_peft_does() {
    let bert = Tiny::new(LAYERS, 32, 7).bert();
    let rows = rows::rows(bert.shape());
    let lists = |name: &str| {
        let config = &rows.iter().find(|row| row.name == name).unwrap().config;
        let map = config.write(Library::Peft, bert.shape()).unwrap();
        (
            map["target_modules"].clone(),
            map["feedforward_modules"].clone(),
        )
    };
    assert_eq!(
        lists("IA3, PEFT"),
        (
            json!(["key", "value", "output.dense"]),
            json!(["output.dense"])
        )
    );
    let (targets, feedforward) = lists("IA3, AdapterHub");
    assert_eq!(targets, json!(["key", "value", "intermediate.dense"]));
    assert_eq!(feedforward, json!([]));
    // where no ends say it, the whole paths do, and the second list is part of the first
    let (targets, feedforward) = lists("IA3, mixed");
    let contains = |path: &Value| targets.as_array().unwrap().contains(path);
    assert!(feedforward.as_array().unwrap().iter().all(contains));
}

// ---- AdapterHub's configuration

fn compacter_files() -> (Files, tiny::Tiny) {
    let tiny = Tiny::new(LAYERS, 12, 7);
    let bert = tiny.bert();
    let config = BottleneckConfig {
        reduction: Reduction::Same(4.0),
        ..BottleneckConfig::compacter(LAYERS)
    };
    let task = task(filled(&config, &bert), Library::AdapterHub);
    let files = folder::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap();
    (files, tiny)
}

fn changed(files: &Files, field: &str, value: Value) -> Files {
    let mut files = files.clone();
    let mut map: Value = serde_json::from_slice(&files[CONFIG]).unwrap();
    map["config"][field] = value;
    files.insert(CONFIG.into(), map.to_string().into_bytes());
    folder::list_files(&mut files).unwrap();
    files
}

#[test]
fn settings_that_fit_nothing_are_refused_by_name() {
    let (files, tiny) = compacter_files();
    let bert = tiny.bert();
    let load =
        |files: &Files| -> Result<TaskAdapter, Error> { folder::load("mine", files, bert.shape()) };
    load(&files).unwrap();
    for (field, value, code, words) in [
        (
            "use_gating",
            json!(true),
            "method_unsupported",
            "use_gating",
        ),
        (
            "non_linearity",
            json!("PReLU"),
            "unsupported_feature",
            "prelu",
        ),
        ("non_linearity", json!("sine"), "config_invalid", "sine"),
        (
            "residual_before_ln",
            json!("post_add"),
            "unsupported_feature",
            "residual_before_ln",
        ),
        (
            "residual_before_ln",
            json!("sometimes"),
            "unsupported_feature",
            "sometimes",
        ),
        ("scaling", json!("sometimes"), "config_invalid", "scaling"),
        ("phm_dim", json!(0), "config_invalid", "phm_dim is 0"),
        ("phm_dim", json!(1u64 << 40), "config_invalid", "phm_dim"),
        ("phm_rank", json!(0), "config_invalid", "phm_rank is 0"),
        ("phm_dim", json!(3), "option_invalid", "multiples of 3"),
        (
            "reduction_factor",
            json!(-2),
            "option_invalid",
            "reduction_factor is -2",
        ),
        (
            "reduction_factor",
            json!(1e-30),
            "option_invalid",
            "reduction_factor",
        ),
        (
            "reduction_factor",
            json!({"1": 4}),
            "config_invalid",
            "no \"0\" and no \"default\"",
        ),
        (
            "reduction_factor",
            json!({"one": 4}),
            "config_invalid",
            "\"one\"",
        ),
        ("shared_W_phm", json!(true), "tensor_missing", "W_down_left"),
        (
            "shared_phm_rule",
            json!(false),
            "tensor_missing",
            "adapter_down.0.phm_rule",
        ),
        (
            "factorized_phm_W",
            json!(false),
            "tensor_missing",
            "adapter_down.0.W",
        ),
        ("phm_rank", json!(2), "tensor_shape", "W_left"),
        (
            "ln_after",
            json!(true),
            "tensor_missing",
            "adapter_norm_after.weight",
        ),
        (
            "scaling",
            json!("learned"),
            "tensor_missing",
            "adapters.mine.scaling",
        ),
        (
            "phm_bias",
            json!(false),
            "unsupported_feature",
            "adapter_down.0.b",
        ),
        (
            "leave_out",
            json!([0]),
            "unsupported_feature",
            "encoder.layer.0",
        ),
    ] {
        let what = format!("{field} = {value}");
        let Err(error) = load(&changed(&files, field, value)) else {
            panic!("{what} was taken")
        };
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.to_string().contains(words), "{what}: {error}");
    }
}

/// What only matters in training, or for other models, changes nothing and comes back.
#[test]
fn settings_of_the_training_are_kept() {
    let (files, tiny) = compacter_files();
    let bert = tiny.bert();
    let kept = [
        ("dropout", json!(0.1)),
        ("stochastic_depth", json!(0.2)),
        ("learn_phm", json!(false)),
        ("phm_c_init", json!("uniform")),
        ("phm_init_range", json!(0.01)),
        ("init_weights", json!("mam_adapter")),
        ("hypercomplex_nonlinearity", json!("normal")),
        ("cross_adapter", json!(true)),
    ];
    let mut files = files;
    for (field, value) in &kept {
        files = changed(&files, field, value.clone());
    }
    files = changed(&files, "reduction_factor", json!({"default": 4, "7": 2}));
    files = changed(&files, "non_linearity", json!("GELU"));
    let task = folder::load("mine", &files, bert.shape()).unwrap();
    let again = folder::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap();
    let map: Value = serde_json::from_slice(&again[CONFIG]).unwrap();
    for (field, value) in kept {
        assert_eq!(map["config"][field], value, "{field}");
    }
    assert_eq!(
        map["config"]["reduction_factor"],
        json!({"default": 4, "7": 2})
    );
    assert_eq!(map["config"]["non_linearity"], "gelu");
}

/// The width is what Python's `//` gives, and at least 1.
#[test]
fn widths_are_pythons() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    for (factor, size) in [
        (16.0, 1),
        (17.0, 1),
        (3.0, 5),
        (0.1, 159),
        (0.5, 32),
        (1.5, 10),
    ] {
        let config = BottleneckConfig {
            reduction: Reduction::Same(factor),
            ..BottleneckConfig::pfeiffer(LAYERS)
        };
        assert_eq!(config.size(0, bert.shape()), size, "{HIDDEN} // {factor}");
    }
}

/// A parallel bottleneck by hand, on one state: the network's output is a factor away from the residual's projection.
#[test]
fn the_parallel_one_reads_the_residual() {
    let bert = Tiny::new(1, 12, 7).bert();
    let config = BottleneckConfig::parallel(1);
    let adapter = filled(&config, &bert);
    let norm = graftlet::ops::LayerNorm::new(vec![1.0; HIDDEN], vec![0.0; HIDDEN], 1e-12);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let [h, r] = [(); 2].map(|()| Tensor::new(normals(&mut rng, HIDDEN), &[1, HIDDEN]));
    let site = graftlet::model::SublayerSite {
        layer: 0,
        sublayer: Sublayer::Ffn,
    };
    let found = adapter.sublayer(site, h.clone(), &r, Join(Some(&norm)));
    let get = |field: &str| -> Vector {
        let found = adapter.parameters().iter().find(|p| p.name.field == field);
        double(found.unwrap().tensor.data())
    };
    let size = HIDDEN / 2;
    let inner = reference::linear(
        &differences::rows(&get("down.weight"), HIDDEN),
        &get("down.bias"),
        &double(r.data()),
    );
    let inner: Vector = inner.into_iter().map(reference::relu).collect();
    let y = reference::linear(
        &differences::rows(&get("up.weight"), size),
        &get("up.bias"),
        &inner,
    );
    let sum: Vector = (0..HIDDEN)
        .map(|i| f64::from(h.data()[i]) + f64::from(r.data()[i]) + 4.0 * y[i])
        .collect();
    let ones = vec![1.0; HIDDEN];
    let expected = reference::layer_norm(&sum, &ones, &[0.0; HIDDEN], 1e-12);
    let expected: Vec<f32> = expected.iter().map(|&x| x as f32).collect();
    support::assert_close(found.data(), &expected, 1e-5, "parallel bottleneck");
}
