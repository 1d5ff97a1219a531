//! A family is one folder and one row: a made-up one, `tests/support/made_up`, is loaded, converted, adapted and
//! differentiated, and agrees with an implementation in f64 that was written for it alone.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::needless_range_loop
)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/made_up/mod.rs"]
mod made_up;
#[path = "support/reference.rs"]
mod reference;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;

use graftlet::adapter::{Adapter, Config, FreshParams, GivenParams, LoraConfig, Site};
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::{
    Anatomy, Backbone, Dtype, Encoder, Hook, LinearSite, NoHook, Place, Sublayer, SublayerSite,
    convert,
};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::{FloatType, TensorFileWriter};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::{Matrix, Vector, central_difference, layer_norm, linear, softmax, swish};

const RANK: usize = 2;

/// The model's tensors by name, in f64.
type Weights = BTreeMap<String, Vector>;

fn anatomy() -> Anatomy {
    let json = br#"{"model_type": "made-up", "d_model": 8, "architectures": ["MadeUpModel"]}"#;
    Anatomy::of_family(&[&made_up::FAMILY], json).unwrap()
}

fn checkpoint(anatomy: &Anatomy) -> (Vec<u8>, Weights) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut writer, mut weights) = (TensorFileWriter::default(), Weights::new());
    for module in anatomy.modules() {
        let is_norm = matches!(module.place, Place::Norm(_));
        let mut add = |part: &str, shape: &[usize], mean: f32| {
            let normals = tiny::normals(&mut rng, shape.iter().product());
            let data: Vec<f32> = normals.iter().map(|x| x * 0.4 + mean).collect();
            let name = format!("{}.{part}", module.path);
            writer.floats(&name, shape, &data, FloatType::F32);
            weights.insert(name, differences::double(&data));
        };
        add("weight", &module.shape, f32::from(u8::from(is_norm)));
        if module.bias {
            add("bias", &module.shape[..1], 0.0);
        }
    }
    (writer.finish("pt").unwrap(), weights)
}

/// The family once more, in f64, from its description alone.
struct Plain {
    weights: Weights,
    hidden: usize,
    heads: usize,
}

impl Plain {
    fn matrix(&self, path: &str, width: usize) -> Matrix {
        differences::rows(&self.weights[&format!("{path}.weight")], width)
    }

    /// With a LoRA beside it, if the weights hold one.
    fn linear(&self, path: &str, x: &[f64]) -> Vector {
        let weight = self.matrix(path, x.len());
        let none = vec![0.0; weight.len()];
        let bias = self.weights.get(&format!("{path}.bias")).unwrap_or(&none);
        let mut y = linear(&weight, bias, x);
        if let Some(a) = self.weights.get(&format!("{path}.a")) {
            let b = &self.weights[&format!("{path}.b")];
            let inner = linear(&differences::rows(a, x.len()), &[0.0; RANK], x);
            let update = linear(&differences::rows(b, RANK), &none, &inner);
            y.iter_mut()
                .zip(update)
                .for_each(|(y, update)| *y += update);
        }
        y
    }

    fn norm(&self, path: &str, x: &[f64]) -> Vector {
        let gamma = &self.weights[&format!("{path}.weight")];
        let none = vec![0.0; gamma.len()];
        let beta = self.weights.get(&format!("{path}.bias")).unwrap_or(&none);
        layer_norm(x, gamma, beta, 1e-6)
    }

    /// Distances below 2 have a bucket each, others share two; keys behind the query have the second four buckets.
    fn bucket(distance: isize) -> usize {
        let side = if distance > 0 { 4 } else { 0 };
        side + match distance.unsigned_abs() {
            near @ (0 | 1) => near,
            // 2 + 2 ln(d / 2) / ln 3, cut off
            2 | 3 => 2,
            _ => 3,
        }
    }

    fn rotate(&self, x: &[f64], position: usize) -> Vector {
        let dim = self.hidden / self.heads;
        let mut y = x.to_vec();
        for head in 0..self.heads {
            for pair in 0..dim / 2 {
                let angle = position as f64 / made_up::THETA.powf(2.0 * pair as f64 / dim as f64);
                let (i, j) = (head * dim + pair, head * dim + pair + dim / 2);
                y[i] = x[i] * angle.cos() - x[j] * angle.sin();
                y[j] = x[j] * angle.cos() + x[i] * angle.sin();
            }
        }
        y
    }

    fn states(&self, ids: &[u32]) -> Matrix {
        let (words, places) = (self.matrix("tokens", 6), self.matrix("places", 6));
        let mut x: Matrix = ids
            .iter()
            .enumerate()
            .map(|(place, &id)| {
                let sum = reference::add(&words[id as usize], &places[place]);
                self.linear("widen", &sum)
            })
            .collect();
        let distances = self.matrix("distances", self.heads);
        let dim = self.hidden / self.heads;
        for layer in 0..2 {
            let path = |name: &str| format!("blocks.{layer}.{name}");
            let normed: Matrix = x.iter().map(|x| self.norm(&path("mix.norm"), x)).collect();
            let part = |name: &str| -> Matrix {
                normed.iter().map(|x| self.linear(&path(name), x)).collect()
            };
            let turned = |all: Matrix| -> Matrix {
                all.iter()
                    .enumerate()
                    .map(|(place, x)| self.rotate(x, place))
                    .collect()
            };
            let (q, k, v) = (turned(part("mix.q")), turned(part("mix.k")), part("mix.v"));
            for (query, q) in q.iter().enumerate() {
                let mut seen = Vec::new();
                for head in 0..self.heads {
                    let columns = head * dim..(head + 1) * dim;
                    let scores: Vector = k
                        .iter()
                        .enumerate()
                        .map(|(key, k)| {
                            let distance = key as isize - query as isize;
                            if layer == 1 && distance.unsigned_abs() > made_up::WINDOW {
                                return f64::NEG_INFINITY;
                            }
                            let product = reference::dot(&q[columns.clone()], &k[columns.clone()]);
                            product / (dim as f64).sqrt() + distances[Self::bucket(distance)][head]
                        })
                        .collect();
                    let p = softmax(&scores);
                    for column in columns {
                        seen.push(p.iter().zip(&v).map(|(p, v)| p * v[column]).sum());
                    }
                }
                let out = self.linear(&path("mix.o"), &seen);
                x[query] = reference::add(&x[query], &out);
            }
            for x in &mut x {
                let up = self.linear(&path("feed.up"), &self.norm(&path("feed.norm"), x));
                let (inner, gate) = up.split_at(6);
                let h: Vector = inner
                    .iter()
                    .zip(gate)
                    .map(|(x, gate)| swish(*x) * gate)
                    .collect();
                *x = reference::add(x, &self.linear(&path("feed.down"), &h));
            }
        }
        x.iter().map(|x| self.norm("last_norm", x)).collect()
    }
}

fn sequences() -> Vec<Encoded> {
    let ids: [&[u32]; 3] = [&[3, 1, 4, 1, 5, 9, 2, 6, 10], &[5], &[8, 9, 7, 0]];
    let of = |ids: &[u32]| Encoded {
        ids: ids.to_vec(),
        type_ids: vec![0; ids.len()],
        truncated: false,
    };
    ids.map(of).to_vec()
}

fn plain(weights: Weights) -> Plain {
    Plain {
        weights,
        hidden: 8,
        heads: 2,
    }
}

#[test]
fn states_are_those_of_the_description() {
    let anatomy = anatomy();
    let (bytes, weights) = checkpoint(&anatomy);
    let encoder = Encoder::load(&anatomy, &bytes, "00").unwrap();
    let count: usize = weights.values().map(Vec::len).sum();
    assert_eq!(encoder.shape().parameters, count);
    let plain = plain(weights);
    let sequences = sequences();
    let states = encoder.forward(&Batch::new(&sequences), &NoHook).unwrap();
    let expected: Vector = sequences
        .iter()
        .flat_map(|s| plain.states(&s.ids))
        .flatten()
        .collect();
    differences::assert_close_to_scale(states.x.data(), &expected, 2e-6, "states");

    // what is written is read again
    let again = encoder.checkpoint(&mut |_, _| Ok(())).unwrap();
    let again = Encoder::load(&anatomy, &again, "00").unwrap();
    assert_eq!(again.hash(), encoder.hash());
    let int8 = convert(&anatomy, &bytes, Dtype::Int8).unwrap();
    let int8 = Encoder::load(&anatomy, &int8, "00").unwrap();
    let rough = int8.forward(&Batch::new(&sequences), &NoHook).unwrap();
    differences::assert_close_to_scale(rough.x.data(), &expected, 0.1, "int8");
}

/// A sequence as long as there are positions is read, a longer one is refused.
#[test]
fn positions_end() {
    let anatomy = anatomy();
    let encoder = Encoder::load(&anatomy, &checkpoint(&anatomy).0, "00").unwrap();
    let mut long = sequences()[0].clone();
    long.ids.push(1);
    long.type_ids.push(0);
    let error = encoder.forward(&Batch::new([&long]), &NoHook).unwrap_err();
    assert_eq!(error.code(), "text_too_long");
}

#[test]
fn gradients_of_a_lora_on_every_layer_are_slopes_of_the_description() {
    let anatomy = anatomy();
    let (bytes, weights) = checkpoint(&anatomy);
    let encoder = Encoder::load(&anatomy, &bytes, "00").unwrap();
    let config = LoraConfig {
        rank: RANK,
        alpha: RANK as f64,
        targets: anatomy.linear_sites().collect(),
        ..LoraConfig::default()
    };
    let shape = encoder.shape();
    let fresh = config.build(shape, &mut FreshParams::new(1)).unwrap();
    assert_eq!(fresh.lowest_layer(), Some(0));
    assert!(fresh.changes_embeddings());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut parameters = fresh.parameters().to_vec();
    let mut plain = plain(weights);
    let key = |site: Site, field: &str| {
        let Site::Linear(site) = site else {
            panic!("{site:?}")
        };
        format!("{}.{}", anatomy.linear(site), &field[field.len() - 1..])
    };
    for parameter in &mut parameters {
        let values: Vec<f32> = tiny::normals(&mut rng, parameter.tensor.len());
        let values: Vec<f32> = values.iter().map(|x| x * 0.3).collect();
        let name = key(parameter.name.site, parameter.name.field);
        plain.weights.insert(name, differences::double(&values));
        parameter.tensor = Tensor::variable(values, parameter.tensor.shape());
    }
    let adapter: Box<dyn Adapter> = config.build(shape, &mut GivenParams(&parameters)).unwrap();

    let sequences = sequences();
    let states = encoder.forward(&Batch::new(&sequences), &*adapter).unwrap();
    let weights = tiny::normals(&mut rng, states.x.len());
    let loss = |plain: &Plain| -> f64 {
        let all = sequences
            .iter()
            .flat_map(|s| plain.states(&s.ids))
            .flatten();
        all.zip(&weights).map(|(x, w)| x * f64::from(*w)).sum()
    };
    let expected: Vector = sequences
        .iter()
        .flat_map(|s| plain.states(&s.ids))
        .flatten()
        .collect();
    differences::assert_close_to_scale(states.x.data(), &expected, 5e-6, "states with LoRA");
    let gradients = states.x.backward_from(&weights);
    for parameter in &parameters {
        let name = key(parameter.name.site, parameter.name.field);
        let mut expected = Vec::new();
        for index in 0..parameter.tensor.len() {
            let x = plain.weights[&name][index];
            expected.push(central_difference(x, |x| {
                plain.weights.get_mut(&name).unwrap()[index] = x;
                loss(&plain)
            }));
            plain.weights.get_mut(&name).unwrap()[index] = x;
        }
        let found = gradients.get(&parameter.tensor).unwrap();
        assert!(
            expected.iter().any(|g| g.abs() > 1e-4),
            "nothing depends on {name}"
        );
        differences::assert_close_to_scale(found, &expected, 5e-5, &name);
    }
}

/// The hook sees each half block once, with nothing but the sum to join it with.
#[test]
fn half_blocks_end_with_a_sum() {
    struct Doubles;
    impl Hook for Doubles {
        fn sublayer(
            &self,
            site: SublayerSite,
            h: Tensor,
            residual: &Tensor,
            norm: graftlet::model::Join<'_>,
        ) -> Tensor {
            assert!(norm.0.is_none());
            let last = SublayerSite {
                layer: 1,
                sublayer: Sublayer::Ffn,
            };
            if site == last {
                return residual.clone();
            }
            norm.join(h, residual)
        }
        fn lowest_layer(&self) -> Option<usize> {
            Some(1)
        }
    }
    let anatomy = anatomy();
    let (bytes, mut weights) = checkpoint(&anatomy);
    let encoder = Encoder::load(&anatomy, &bytes, "00").unwrap();
    let states = encoder
        .forward(&Batch::new(&sequences()), &Doubles)
        .unwrap();
    weights
        .get_mut("blocks.1.feed.down.weight")
        .unwrap()
        .fill(0.0);
    let plain = plain(weights);
    let expected: Vector = sequences()
        .iter()
        .flat_map(|s| plain.states(&s.ids))
        .flatten()
        .collect();
    differences::assert_close_to_scale(states.x.data(), &expected, 2e-6, "without the last half");
    assert!(
        anatomy
            .linear_sites()
            .any(|site| site == LinearSite::EMBEDDING_PROJECTION)
    );
}
