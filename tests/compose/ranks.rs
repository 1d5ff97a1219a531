//! Averages of LoRAs of different ranks.

use rand::SeedableRng;
use std::collections::BTreeMap;

use graftlet::adapter::{Options, Site};
use graftlet::compose::svd;
use graftlet::folder::Library;
use graftlet::model::Dtype;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::goldens::composition;
use super::support::assert_close;
use super::tiny::{self, normals};
use super::{engine, options, random, texts};

/// LoRAs of different ranks and scales, as a LoRA whose rank has room for both, and cut to less.
#[test]
fn loras_of_different_ranks_are_summed_as_updates() {
    let mut engine = engine(Dtype::F32);
    let backbone = engine.backbone().clone();
    let other = Options {
        rank: Some(5),
        alpha: Some(7.0),
        ..options()
    };
    engine.insert("wide", random(&*backbone, "lora", &other, 50));
    let texts = texts(4);
    let parts =
        json!([{ "adapter": "lora", "weight": 1.5 }, { "adapter": "wide", "weight": -0.5 }]);
    let running = json!({ "average": parts, "head": "lora" });
    let running = engine
        .classify_with_all(&[composition(&running)], &texts)
        .unwrap();
    let full = composition(&json!({ "average": parts, "head": "lora", "rank": 8 }));
    engine.compose("full", &full).unwrap();
    let full = engine.classify_with("full", &texts).unwrap();
    for (a, b) in running[0].answers.iter().zip(&full) {
        assert_close(&a.logits, &b.logits, 1e-5, "rank of both");
    }
    // without a rank it is the larger one's
    let cut = composition(&json!({ "average": parts, "head": "lora" }));
    engine.compose("cut", &cut).unwrap();
    let description = engine
        .get("cut")
        .unwrap()
        .adapter
        .config()
        .describe(backbone.shape());
    assert_eq!(description.sizes["rank"], 5);
    let files = engine.export("cut", Library::Peft).unwrap();
    engine.add("again", &files).unwrap();
    assert_eq!(
        engine.classify_with("cut", &texts).unwrap(),
        engine.classify_with("again", &texts).unwrap()
    );
    // each update is as near to the sum as its rank allows: the tail of the singular values (Eckart and Young 1936)
    let update = |name: &str| {
        let task = engine.get(name).unwrap();
        let mut found = BTreeMap::new();
        for parameter in task.adapter.parameters() {
            let Site::Linear(site) = parameter.name.site else {
                panic!()
            };
            found
                .entry(site)
                .or_insert_with(Vec::new)
                .push(parameter.tensor.clone());
        }
        let site = *found.keys().next().unwrap();
        let [a, b] = &found[&site][..] else { panic!() };
        let lora = (task.adapter.config() as &dyn std::any::Any)
            .downcast_ref::<graftlet::adapter::LoraConfig>();
        let scale = lora.unwrap().scale_of(site);
        let product = |row: usize, column: usize| -> f64 {
            let (rank, width) = a.dims2();
            let terms = (0..rank).map(|i| {
                f64::from(b.data()[row * rank + i]) * f64::from(a.data()[i * width + column])
            });
            scale * terms.sum::<f64>()
        };
        let (rows, columns) = (b.dims2().0, a.dims2().1);
        (0..rows * columns)
            .map(|at| product(at / columns, at % columns))
            .collect::<Vec<f64>>()
    };
    let (lora, wide, cut) = (update("lora"), update("wide"), update("cut"));
    let sum: Vec<f64> = lora
        .iter()
        .zip(&wide)
        .map(|(a, b)| 1.5 * a - 0.5 * b)
        .collect();
    let width = tiny::HIDDEN;
    let columns: Vec<Vec<f64>> = (0..width)
        .map(|j| sum.iter().skip(j).step_by(width).copied().collect())
        .collect();
    let unit: Vec<Vec<f64>> = (0..width)
        .map(|j| (0..width).map(|i| f64::from(u8::from(i == j))).collect())
        .collect();
    let values = svd(&columns, &unit).values;
    let tail: f64 = values[5..].iter().map(|s| s * s).sum();
    let missed: f64 = sum.iter().zip(&cut).map(|(a, b)| (a - b).powi(2)).sum();
    assert!(tail > 1e-4, "something is cut");
    assert!((missed - tail).abs() < 1e-5 * tail, "{missed} {tail}");
}

#[test]
fn singular_values_and_vectors() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut vectors = |count: usize, length: usize| -> Vec<Vec<f64>> {
        (0..count)
            .map(|_| {
                normals(&mut rng, length)
                    .into_iter()
                    .map(f64::from)
                    .collect()
            })
            .collect()
    };
    for (inner, rows, columns) in [(1, 1, 1), (3, 7, 5), (6, 20, 30), (9, 4, 6), (40, 33, 33)] {
        let (mut p, mut q) = (vectors(inner, rows), vectors(inner, columns));
        if inner > 4 {
            // directions that add nothing, and nothing at all
            p[1] = p[0].clone();
            q[3] = vec![0.0; columns];
            p[2].iter_mut().for_each(|x| *x *= 1e-6);
        }
        let found = svd(&p, &q);
        let (rank, most) = (found.values.len(), inner.min(rows).min(columns));
        assert!(
            rank <= most && (inner > 4 || rank == most),
            "{rank} of {inner}"
        );
        assert!(found.values.windows(2).all(|pair| pair[0] >= pair[1]));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for i in 0..rank {
            for j in 0..rank {
                let expected = f64::from(u8::from(i == j));
                assert!(
                    (dot(&found.left[i], &found.left[j]) - expected).abs() < 1e-9,
                    "{inner}: u{i} u{j}"
                );
                assert!(
                    (dot(&found.right[i], &found.right[j]) - expected).abs() < 1e-9,
                    "{inner}: v{i} v{j}"
                );
            }
        }
        let scale = found.values[0];
        for row in 0..rows {
            for column in 0..columns {
                let product: f64 = p.iter().zip(&q).map(|(p, q)| p[row] * q[column]).sum();
                let sum: f64 = (0..rank)
                    .map(|i| found.left[i][row] * found.values[i] * found.right[i][column])
                    .sum();
                assert!(
                    (product - sum).abs() < 1e-12 * scale.max(1.0),
                    "{inner}: {product} {sum}"
                );
            }
        }
    }
    let nothing = svd(&[vec![0.0; 3]], &[vec![0.0; 2]]);
    assert!(nothing.values.is_empty());
    assert!(svd(&[], &[]).values.is_empty());
}
