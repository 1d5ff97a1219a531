//! Values and gradients, element by element, against central differences in f64 of formulas and of a model that share
//! nothing with the crate.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;

use graftlet::adapter::{Config, FreshParams, GivenParams, ParamName, Site};
use graftlet::head::{Head, HeadConfig, Pairs, Pooling, SINGLE_LABEL};
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::{Backbone, NormSite};
use graftlet::ops::{Activation, cross_entropy};
use graftlet::tensor::Tensor;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::reference::{self, Matrix, Vector, central_difference};
use crate::tiny::{self, HEADS, Tiny, VOCABULARY, normals};

pub fn double(values: &[f32]) -> Vector {
    values.iter().copied().map(f64::from).collect()
}

pub fn rows(values: &[f64], width: usize) -> Matrix {
    values.chunks_exact(width).map(<[f64]>::to_vec).collect()
}

/// Fails unless all elements agree within `tolerance` times the largest magnitude of `expected`; returns the largest
/// difference in units of that magnitude.
#[track_caller]
pub fn assert_close_to_scale(found: &[f32], expected: &[f64], tolerance: f64, what: &str) -> f64 {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(0f64, |max, x| max.max(x.abs()));
    let mut largest = 0f64;
    for (index, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(
            difference <= tolerance * scale,
            "{what}: element {index} is {found:e}, expected {expected:e} within {tolerance:e} of {scale:e}"
        );
        largest = largest.max(difference / scale.max(f64::MIN_POSITIVE));
    }
    largest
}

/// An argument of an op: shape and values.
pub type Argument<'a> = (&'a [usize], Vec<f32>);

/// Compares `op` with `formula`, and the gradient of `Σ c ∘ op(arguments)` for random `c` with central differences of
/// the formula.
///
/// f32 keeps 24 bits, so a sum of n products is off by at most n · 2⁻²⁴ of the sum of their magnitudes, and about √n
/// where roundings are as good as random. With n below a hundred that is 6e-7 of the largest element; 2e-6 leaves
/// room for another order of summation, and is far below what a wrong formula is off by.
#[track_caller]
pub fn check_op(
    what: &str,
    arguments: &[Argument<'_>],
    op: impl Fn(&[Tensor]) -> Tensor,
    formula: impl Fn(&[Vector]) -> Vector,
) {
    const TOLERANCE: f64 = 2e-6;
    let variables: Vec<Tensor> = arguments
        .iter()
        .map(|(shape, data)| Tensor::variable(data.clone(), shape))
        .collect();
    let out = op(&variables);
    // an operation may work in its argument's memory, but only where nobody else reads it
    for (variable, (_, data)) in variables.iter().zip(arguments) {
        assert_eq!(variable.data(), data, "{what} wrote to its argument");
    }
    let constants: Vec<Tensor> = variables.iter().map(Tensor::detach).collect();
    let untracked = op(&constants);
    assert_eq!(untracked.data(), out.data(), "{what}, without a graph");
    let mut values: Vec<Vector> = arguments.iter().map(|(_, data)| double(data)).collect();
    let forward = assert_close_to_scale(
        out.data(),
        &formula(&values),
        TOLERANCE,
        &format!("{what}, forward"),
    );

    let weights = normals(&mut ChaCha8Rng::seed_from_u64(99), out.len());
    let gradients = out.backward_from(&weights);
    let c = double(&weights);
    let mut largest = 0f64;
    for (argument, variable) in variables.iter().enumerate() {
        let mut expected = Vec::new();
        for index in 0..values[argument].len() {
            let x = values[argument][index];
            expected.push(central_difference(x, |x| {
                values[argument][index] = x;
                reference::dot(&formula(&values), &c)
            }));
            values[argument][index] = x;
        }
        let found = gradients.get(variable).unwrap();
        let what = format!("{what}, gradient of argument {argument}");
        largest = largest.max(assert_close_to_scale(found, &expected, TOLERANCE, &what));
    }
    println!("{what}: largest difference {forward:.1e} forward, {largest:.1e} backward");
}

pub const LAYERS: usize = 2;

/// An adapter to try: what the crate builds, and how the reference computes it.
pub struct Case {
    pub config: Box<dyn Config>,
    /// Factor of what the adapter adds or multiplies with.
    pub scale: f64,
    pub bottleneck: reference::Bottleneck,
}

/// How the reference calls a parameter.
pub fn reference_name(name: ParamName) -> String {
    match name.site {
        Site::Linear(site) => match site.layer {
            Some(layer) => format!("{layer}.{}.{}", site.linear.name(), name.field),
            None => format!("{}.{}", site.linear.name(), name.field),
        },
        Site::Norm(NormSite::Block(site)) => {
            format!("{}.{}_norm.bias", site.layer, site.sublayer.name())
        }
        Site::Norm(NormSite::Embedding) => "encoder.bias".into(),
        Site::Norm(site) => format!("{site:?}.bias"),
        Site::Sublayer(site) => format!("{}.{}.{}", site.layer, site.sublayer.name(), name.field),
        Site::Encoder => format!("encoder.{}", name.field),
        Site::Head => format!("head.{}", name.field),
    }
}

pub fn matrix(shape: &[usize], data: &[f32]) -> Matrix {
    rows(&double(data), *shape.last().unwrap())
}

/// Three sequences of different length, with tokens of both types.
pub fn sequences() -> Vec<Encoded> {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    [5, 2, 8]
        .into_iter()
        .map(|length| Encoded {
            ids: (0..length)
                .map(|_| rng.random_range(0..VOCABULARY as u32))
                .collect(),
            type_ids: (0..length)
                .map(|token| u32::from(token > length / 2))
                .collect(),
            truncated: false,
        })
        .collect()
}

/// All gradients of adapter and head, and the logits, of the crate against the reference.
///
/// A gradient has come through the roundings of some forty ops; measured, it is off by up to 6e-6 of the largest of its
/// tensor. A wrong formula is off by a hundredth or more.
#[track_caller]
pub fn check_model(what: &str, case: Case, pooling: Pooling, dense: Option<Activation>) {
    check_model_with(what, case, pooling, dense, |_| {});
}

/// The same, with a last word on the reference.
#[track_caller]
pub fn check_model_with(
    what: &str,
    case: Case,
    pooling: Pooling,
    dense: Option<Activation>,
    adjust: impl FnOnce(&mut reference::Model),
) {
    const TOLERANCE: f64 = 2e-5;
    let tiny = Tiny::new(LAYERS, 12, 7);
    let bert = tiny.bert();
    let labels = ["a", "b", "c"].map(String::from).to_vec();
    let head_config = HeadConfig {
        problem: SINGLE_LABEL.fresh(),
        pairs: Pairs::Joint,
        pooling,
        dense: dense.map(Into::into),
        labels,
    };
    let mut params = FreshParams::new(8);
    // nothing is trained on a pooler that is not read
    let mut shape = bert.shape().clone();
    shape.pooler = pooling == Pooling::Pooler;
    let adapter = case.config.build(&shape, &mut params).unwrap();
    let head = Head::build(head_config.clone(), bert.shape(), &mut params).unwrap();

    // what starts as zero would hide what it multiplies
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut tensors: BTreeMap<String, Matrix> = BTreeMap::new();
    let mut parameters = [adapter.parameters(), head.parameters()].concat();
    for parameter in &mut parameters {
        let values = normals(&mut rng, parameter.tensor.len());
        let values: Vec<f32> = values.iter().map(|x| x * 0.3).collect();
        let shape = parameter.tensor.shape().to_vec();
        tensors.insert(reference_name(parameter.name), matrix(&shape, &values));
        parameter.tensor = Tensor::variable(values, &shape);
    }
    assert_eq!(tensors.len(), parameters.len());
    let mut params = GivenParams(&parameters);
    let adapter = case.config.build(bert.shape(), &mut params).unwrap();
    let head = Head::build(head_config, bert.shape(), &mut params).unwrap();
    for (name, shape, data) in &tiny.tensors {
        tensors.insert(name.clone(), matrix(shape, data));
    }
    let mut model = reference::Model {
        layers: LAYERS,
        heads: HEADS,
        epsilon: tiny::EPSILON,
        tensors,
        scale: case.scale,
        bottleneck: case.bottleneck,
        pooling: match pooling {
            Pooling::Mean => reference::Pooling::Mean,
            Pooling::First => reference::Pooling::First,
            Pooling::Pooler => reference::Pooling::Pooler,
            Pooling::Others => reference::Pooling::Others,
            Pooling::FirstAndOthers => reference::Pooling::FirstAndOthers,
        },
        dense: f64::tanh,
        scales: BTreeMap::new(),
        norms: BTreeMap::new(),
        first_position: 0,
        prompt: "words",
    };
    adjust(&mut model);
    model.hold_norms();

    let sequences = sequences();
    let answers = [2, 0, 1];
    let states = bert.forward(&Batch::new(&sequences), &*adapter).unwrap();
    let logits = head.logits(&bert, &*adapter, &states);
    let loss = cross_entropy(&logits, &answers);
    let loss_value = f64::from(loss.data()[0]);
    let gradients = loss.backward();

    let plain: Vec<reference::Sequence> = sequences
        .iter()
        .map(|s| reference::Sequence {
            ids: s.ids.iter().map(|&id| id as usize).collect(),
            types: s.type_ids.iter().map(|&kind| kind as usize).collect(),
        })
        .collect();
    let mut logits_off = 0f64;
    for (found, sequence) in logits.rows().zip(&plain) {
        for (found, expected) in found.iter().zip(model.logits(sequence)) {
            logits_off = logits_off.max((f64::from(*found) - expected).abs());
        }
    }
    assert!(
        logits_off <= 1e-5,
        "{what}: a logit is off by {logits_off:e}"
    );
    assert!((loss_value - model.loss(&plain, &answers)).abs() < 1e-6);

    let (mut largest, mut count) = (0f64, 0);
    for parameter in &parameters {
        let name = reference_name(parameter.name);
        let mut expected = Vec::new();
        for index in 0..parameter.tensor.len() {
            let x = *model.element(&name, index);
            expected.push(central_difference(x, |x| {
                *model.element(&name, index) = x;
                model.loss(&plain, &answers)
            }));
            *model.element(&name, index) = x;
        }
        let found = gradients.get(&parameter.tensor).unwrap();
        if name.ends_with("key.bias") {
            // it adds the same to all scores of a query, which softmax does not see
            let zero =
                expected.iter().all(|g| g.abs() < 1e-9) && found.iter().all(|g| g.abs() < 1e-6);
            assert!(zero, "{what}: {name} must change nothing");
            continue;
        }
        assert!(
            expected.iter().any(|g| g.abs() > 1e-4),
            "{what}: nothing depends on {name}"
        );
        let what = format!("{what}, {name}");
        largest = largest.max(assert_close_to_scale(found, &expected, TOLERANCE, &what));
        count += expected.len();
    }
    println!(
        "{what}: {count} gradients within {largest:.1e} of their tensor's largest, logits {logits_off:.1e}"
    );
}
