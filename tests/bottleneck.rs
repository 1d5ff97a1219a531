//! Bottlenecks in every placement that AdapterHub knows, Compacter and IA3: values and gradients against the
//! reference, files in and out, and what cannot be said.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;

use differences::{Case, LAYERS, check_model, double, rows};
use graftlet::adapter::format::{self, CONFIG, Files, Library};
use graftlet::adapter::{
    Adapter, BottleneckConfig, Card, Config, FreshParams, GivenParams, Hypercomplex, Ia3Config,
    OutputNorm, Parameter, Placement, Reads, Reduction, Scaling, Side, Skip, TaskAdapter,
};
use graftlet::backbone::{Backbone, Linear, LinearSite, NoHook, Sublayer};
use graftlet::error::Error;
use graftlet::head::Pooling;
use graftlet::ops::Activation;
use graftlet::tensor::Tensor;
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use graftlet::text::{Batch, Encoded};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::{Bottleneck, Vector};
use serde_json::{Value, json};
use tiny::{HIDDEN, Tiny, normals};

// ---- settings to try

/// Every placement of AdapterHub's configuration once with each kind of what it may be combined with.
fn bottlenecks() -> Vec<(&'static str, BottleneckConfig, Bottleneck)> {
    let plain = |mut config: BottleneckConfig| {
        config.reduction = Reduction::Same(5.0);
        config.scaling = Scaling::Fixed(0.7);
        config
    };
    let houlsby = plain(BottleneckConfig::houlsby(LAYERS));
    let pfeiffer = plain(BottleneckConfig::pfeiffer(LAYERS));
    let parallel = plain(BottleneckConfig::parallel(LAYERS));
    let placed = |reads, skip, norm_after| Placement {
        reads,
        skip,
        norm_after,
    };
    let swish = Bottleneck {
        activation: reference::swish,
        ..Bottleneck::default()
    };
    let relu = Bottleneck {
        activation: reference::relu,
        ..swish
    };
    let normed = Bottleneck {
        reads: "norm",
        ..relu
    };
    let beside = Bottleneck { reads: "r", ..relu };
    let gelu = Bottleneck {
        activation: reference::gelu,
        ..swish
    };
    let half = |rank, factorised_rule, shared_rule, shared_weights, bias| {
        let mut config = houlsby.clone();
        config.activation = Activation::Gelu;
        config.reduction = Reduction::Same(4.0);
        // a weight that is a product of four small numbers is smaller than a difference can see
        if factorised_rule {
            config.scaling = Scaling::Fixed(30.0);
        }
        config.hypercomplex = Some(Hypercomplex {
            dimension: 2,
            rank,
            factorised_rule,
            shared_rule,
            shared_weights,
            bias,
        });
        config
    };
    vec![
        ("Houlsby", houlsby.clone(), swish),
        ("Pfeiffer", pfeiffer.clone(), normed),
        ("parallel", parallel.clone(), beside),
        (
            "parallel at both halves, with norms and a learned factor per feature",
            BottleneckConfig {
                sublayers: Sublayer::ALL.into(),
                input_norm: true,
                output_norm: Some(OutputNorm::Update),
                scaling: Scaling::LearnedPerFeature,
                ..parallel.clone()
            },
            beside,
        ),
        (
            "parallel without the norm after it",
            BottleneckConfig {
                placement: placed(Reads::Residual, Skip::Output, false),
                ..parallel
            },
            Bottleneck {
                norm_after: false,
                ..beside
            },
        ),
        (
            "after the attention alone, reading the norm",
            BottleneckConfig {
                sublayers: [Sublayer::Attention].into(),
                activation: Activation::Gelu,
                ..pfeiffer.clone()
            },
            Bottleneck {
                activation: reference::gelu,
                ..normed
            },
        ),
        (
            "after both, reading the norm, a width by layer",
            BottleneckConfig {
                sublayers: Sublayer::ALL.into(),
                activation: Activation::LeakyRelu,
                reduction: Reduction::ByLayer {
                    layers: [(1, 8.0)].into(),
                    default: Some(3.0),
                },
                ..pfeiffer.clone()
            },
            Bottleneck {
                activation: reference::leaky_relu,
                ..normed
            },
        ),
        (
            "around the sum, a learned factor per feature",
            BottleneckConfig {
                placement: placed(Reads::Normalised, Skip::Sum, true),
                scaling: Scaling::LearnedPerFeature,
                ..pfeiffer.clone()
            },
            Bottleneck {
                skip: "h + r",
                ..normed
            },
        ),
        (
            "around the norm, one learned factor",
            BottleneckConfig {
                placement: placed(Reads::Normalised, Skip::Input, true),
                scaling: Scaling::Learned,
                ..pfeiffer.clone()
            },
            Bottleneck {
                skip: "x",
                ..normed
            },
        ),
        (
            "around the norm without another (AdapterPlus)",
            BottleneckConfig {
                placement: placed(Reads::Normalised, Skip::Input, false),
                activation: Activation::Gelu,
                scaling: Scaling::LearnedPerFeature,
                ..pfeiffer.clone()
            },
            Bottleneck {
                skip: "x",
                norm_after: false,
                activation: reference::gelu,
                ..normed
            },
        ),
        (
            "with a norm of its own before",
            BottleneckConfig {
                input_norm: true,
                ..houlsby.clone()
            },
            swish,
        ),
        (
            "with a norm of its own after",
            BottleneckConfig {
                output_norm: Some(OutputNorm::Update),
                ..houlsby.clone()
            },
            swish,
        ),
        (
            "with a norm of its own after the sum",
            BottleneckConfig {
                output_norm: Some(OutputNorm::Sum),
                input_norm: true,
                ..pfeiffer
            },
            Bottleneck {
                norms_sum: true,
                ..normed
            },
        ),
        (
            "in the second layer only",
            BottleneckConfig {
                layers: [1].into(),
                ..houlsby.clone()
            },
            swish,
        ),
        ("Compacter", half(Some(1), false, true, false, true), gelu),
        (
            "Compacter with whole matrices and rules of their own",
            half(None, false, false, false, true),
            gelu,
        ),
        (
            "Compacter with factorised rules, no bias",
            half(Some(2), true, false, false, false),
            gelu,
        ),
        (
            "Compacter with one factorised rule, no bias",
            half(Some(2), true, true, false, false),
            gelu,
        ),
        (
            "Compacter that shares all",
            half(Some(2), false, true, true, true),
            gelu,
        ),
        (
            "Compacter++ of dimension 4",
            BottleneckConfig {
                reduction: Reduction::Same(4.0),
                scaling: Scaling::Fixed(1.3),
                ..BottleneckConfig::compacter_plus_plus(LAYERS)
            },
            Bottleneck {
                reads: "norm",
                ..gelu
            },
        ),
    ]
}

fn sites(linears: &[(Linear, Side)]) -> BTreeMap<LinearSite, Side> {
    (0..LAYERS)
        .flat_map(|layer| {
            let site = move |linear| LinearSite { layer, linear };
            linears
                .iter()
                .map(move |&(linear, side)| (site(linear), side))
        })
        .collect()
}

/// The places of PEFT, of AdapterHub, and each side of all six layers.
fn ia3s() -> Vec<(&'static str, Ia3Config)> {
    use Linear::{AttentionOutput, FfnDown, FfnUp, Key, Query, Value};
    use Side::{Input, Output};
    let peft = [
        (Key, Output),
        (Value, Output),
        (AttentionOutput, Input),
        (FfnDown, Input),
    ];
    let adapterhub = [(Key, Output), (Value, Output), (FfnUp, Output)];
    let all = |side| Linear::ALL.map(|linear| (linear, side));
    let mixed = [
        (Query, Input),
        (Key, Output),
        (FfnUp, Input),
        (FfnDown, Output),
    ];
    let of = |linears: &[_], alpha| Ia3Config {
        sites: sites(linears),
        alpha,
    };
    vec![
        ("IA3, PEFT", of(&peft, 1.0)),
        ("IA3, AdapterHub", of(&adapterhub, 1.0)),
        ("IA3, AdapterHub, alpha 2.5", of(&adapterhub, 2.5)),
        ("IA3, every input", of(&all(Input), 1.0)),
        ("IA3, every output", of(&all(Output), 1.0)),
        ("IA3, mixed", of(&mixed, 1.0)),
    ]
}

fn configs() -> Vec<(&'static str, Box<dyn Config>)> {
    let bottlenecks = bottlenecks().into_iter();
    let ia3s = ia3s().into_iter();
    bottlenecks
        .map(|(what, config, _)| (what, Box::new(config) as Box<dyn Config>))
        .chain(ia3s.map(|(what, config)| (what, Box::new(config) as Box<dyn Config>)))
        .collect()
}

// ---- values and gradients

#[test]
fn every_bottleneck_and_its_gradients() {
    let poolings = [Pooling::Mean, Pooling::First, Pooling::Pooler];
    for (index, (what, config, bottleneck)) in bottlenecks().into_iter().enumerate() {
        let scale = match config.scaling {
            Scaling::Fixed(factor) => factor,
            _ => 1.0,
        };
        let case = Case {
            config: Box::new(config),
            scale,
            bottleneck,
        };
        let dense = (index % 2 == 1).then_some(Activation::Tanh);
        check_model(what, case, poolings[index % 3], dense);
    }
}

#[test]
fn every_ia3_and_its_gradients() {
    for (what, config) in ia3s() {
        let case = Case {
            scale: config.alpha,
            config: Box::new(config),
            bottleneck: Bottleneck::default(),
        };
        check_model(what, case, Pooling::Mean, None);
    }
}

// ---- on a backbone

fn batch() -> Batch {
    let encoded = [4, 1, 7].map(|length: u32| Encoded {
        ids: (0..length).map(|token| (5 * token + length) % 40).collect(),
        type_ids: vec![0; length as usize],
        truncated: false,
    });
    Batch::new(&encoded)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// A fresh adapter changes nothing, but where it puts a norm of its own around all, leaves out the frozen one, or takes
/// it twice on purpose.
#[test]
fn fresh_adapters_change_no_bit_where_they_promise_it() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    let batch = batch();
    let bare = bits(bert.forward(&batch, &NoHook).unwrap().x.data());
    let changed: Vec<&str> = configs()
        .into_iter()
        .filter(|(_, config)| {
            let mut params = FreshParams::new(3);
            let adapter = config.build(bert.shape(), &mut params).unwrap();
            bits(bert.forward(&batch, &*adapter).unwrap().x.data()) != bare
        })
        .map(|(what, _)| what)
        .collect();
    assert_eq!(
        changed,
        [
            "parallel without the norm after it",
            "around the sum, a learned factor per feature",
            "around the norm, one learned factor",
            "with a norm of its own after the sum",
            "IA3, AdapterHub, alpha 2.5",
        ]
    );
}

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

#[test]
fn states_below_the_lowest_layer_are_the_bare_ones() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    for (what, config) in configs() {
        let adapter = filled(&*config, &bert);
        let lowest = adapter.lowest_layer().unwrap();
        assert_eq!(
            lowest,
            usize::from(what == "in the second layer only"),
            "{what}"
        );
        let below = |hook| {
            let states = bert.embed(&batch(), hook).unwrap();
            bits(bert.run(states, 0..lowest, hook).x.data())
        };
        assert_eq!(below(&*adapter), below(&NoHook), "{what}");
    }
}

#[test]
fn a_sequence_has_the_same_bits_alone_and_in_a_batch() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    let sequences = [3u32, 6].map(|length| Encoded {
        ids: (1..=length).collect(),
        type_ids: vec![0; length as usize],
        truncated: false,
    });
    for (what, config) in configs() {
        let adapter = filled(&*config, &bert);
        let together = bert.forward(&Batch::new(&sequences), &*adapter).unwrap();
        let alone = sequences.each_ref().map(|sequence| {
            let batch = Batch::new(std::slice::from_ref(sequence));
            bits(bert.forward(&batch, &*adapter).unwrap().x.data())
        });
        assert_eq!(bits(together.x.data()), alone.concat(), "{what}");
    }
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

#[test]
fn saved_and_loaded_they_are_the_same() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    let shape = bert.shape();
    let batch = batch();
    let states = |adapter: &dyn Adapter| bits(bert.forward(&batch, adapter).unwrap().x.data());
    let mut refused = Vec::new();
    for (what, config) in configs() {
        for library in [Library::Peft, Library::AdapterHub] {
            let task = task(filled(&*config, &bert), library);
            let files = match format::save(&task, "mine", library, shape) {
                Ok(files) => files,
                Err(error) => {
                    assert_eq!(error.code(), "adapter_format", "{what}");
                    refused.push((what, library));
                    continue;
                }
            };
            let again = format::load("mine", &files, shape).unwrap();
            let what = format!("{what}, {}", library.title());
            let read = format!("{:?}", again.adapter.config());
            assert_eq!(read, format!("{config:?}"), "{what}");
            assert_eq!(states(&*again.adapter), states(&*task.adapter), "{what}");
            // and its look without a backbone
            let (looked_at, _) = format::inspect("mine", &files).unwrap();
            let title = |task: &TaskAdapter| task.adapter.config().describe(shape).title;
            assert_eq!(title(&looked_at), title(&task), "{what}");
        }
    }
    let (peft, hub) = (Library::Peft, Library::AdapterHub);
    let mut expected: Vec<_> = bottlenecks()
        .iter()
        .map(|(what, ..)| (*what, peft))
        .collect();
    expected.extend([
        ("IA3, PEFT", hub),
        ("IA3, AdapterHub, alpha 2.5", peft),
        ("IA3, every input", hub),
        ("IA3, every output", hub),
        ("IA3, mixed", hub),
    ]);
    assert_eq!(refused, expected);
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
    let mut files = format::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap();
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
    format::load("mine", &files, bert.shape()).unwrap();
    // without the norm such tensors have no place
    let without = changed(&files, "ln_before", json!(false));
    let error = format::load("mine", &without, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "tensor_shape", "{error}");
}

/// The written lists are PEFT's own where they can be: "output.dense" is the end of two layers' paths.
#[test]
fn ia3_names_its_modules_as_peft_does() {
    let bert = Tiny::new(LAYERS, 12, 7).bert();
    let lists = |config: &Ia3Config| {
        let map = config.write(Library::Peft, bert.shape()).unwrap();
        (
            map["target_modules"].clone(),
            map["feedforward_modules"].clone(),
        )
    };
    let by_name: BTreeMap<_, _> = ia3s().into_iter().collect();
    assert_eq!(
        lists(&by_name["IA3, PEFT"]),
        (
            json!(["key", "value", "output.dense"]),
            json!(["output.dense"])
        )
    );
    let (targets, feedforward) = lists(&by_name["IA3, AdapterHub"]);
    assert_eq!(targets, json!(["key", "value", "intermediate.dense"]));
    assert_eq!(feedforward, json!([]));
    // where no ends say it, the whole paths do, and the second list is part of the first
    let (targets, feedforward) = lists(&by_name["IA3, mixed"]);
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
    let files = format::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap();
    (files, tiny)
}

fn changed(files: &Files, field: &str, value: Value) -> Files {
    let mut files = files.clone();
    let mut map: Value = serde_json::from_slice(&files[CONFIG]).unwrap();
    map["config"][field] = value;
    files.insert(CONFIG.into(), map.to_string().into_bytes());
    files
}

#[test]
fn settings_that_fit_nothing_are_refused_by_name() {
    let (files, tiny) = compacter_files();
    let bert = tiny.bert();
    let load =
        |files: &Files| -> Result<TaskAdapter, Error> { format::load("mine", files, bert.shape()) };
    load(&files).unwrap();
    for (field, value, code, words) in [
        (
            "use_gating",
            json!(true),
            "unsupported_feature",
            "use_gating = true",
        ),
        (
            "inv_adapter",
            json!("glow"),
            "unsupported_feature",
            "inv_adapter",
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
    let task = format::load("mine", &files, bert.shape()).unwrap();
    let again = format::save(&task, "mine", Library::AdapterHub, bert.shape()).unwrap();
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
    let site = graftlet::backbone::SublayerSite {
        layer: 0,
        sublayer: Sublayer::Ffn,
    };
    let found = adapter.sublayer(site, h.clone(), &r, &norm);
    let get = |field: &str| -> Vector {
        let found = adapter.parameters().iter().find(|p| p.name.field == field);
        double(found.unwrap().tensor.data())
    };
    let size = HIDDEN / 2;
    let inner = reference::linear(
        &rows(&get("down.weight"), HIDDEN),
        &get("down.bias"),
        &double(r.data()),
    );
    let inner: Vector = inner.into_iter().map(reference::relu).collect();
    let y = reference::linear(&rows(&get("up.weight"), size), &get("up.bias"), &inner);
    let sum: Vector = (0..HIDDEN)
        .map(|i| f64::from(h.data()[i]) + f64::from(r.data()[i]) + 4.0 * y[i])
        .collect();
    let ones = vec![1.0; HIDDEN];
    let expected = reference::layer_norm(&sum, &ones, &[0.0; HIDDEN], 1e-12);
    let expected: Vec<f32> = expected.iter().map(|&x| x as f32).collect();
    support::assert_close(found.data(), &expected, 1e-5, "parallel bottleneck");
}
