//! Compositions whose pass is computed in several places have the bits of one place.

use graftlet::compose::{Origin, Plan};
use graftlet::engine::Engine;
use graftlet::model::{Backbone, Dtype, Waiting};
use serde_json::json;

use super::goldens::{composition, find, golden, sequences_of};
use super::in_places::{in_places, read_in_places};
use super::{bits, engine, texts};

/// Every composition that AdapterHub's states are known of.
#[test]
fn every_block() {
    let (bert, adapters, expected) = golden();
    let sequences = sequences_of(&expected);
    let backbone: &dyn Backbone = &bert;
    let cases = expected["cases"].as_array().unwrap();
    let run: Vec<usize> = (0..sequences.len()).collect();
    let origin = |row| Origin {
        row,
        limits: 0..=usize::MAX,
        window: None,
        apart: false,
    };
    let origins: Vec<Origin> = run.iter().map(|&row| origin(row)).collect();
    let mut count = 0;
    for case in cases.iter().filter(|case| case["merged"].is_null()) {
        let composition = composition(&case["composition"]);
        let plan = Plan::new(&composition, run.len(), &find(&adapters), bert.shape()).unwrap();
        let mut expected = Vec::new();
        plan.run(backbone, &sequences, 1 << 20, &mut |places, _, states| {
            expected.push((places.to_vec(), bits(states.x.data())));
            Ok(())
        })
        .unwrap();
        for places in 1..=4 {
            let computed = in_places(places, |_, split| {
                let (plan, sequences, origins, run) = (&plan, &sequences, &origins, &run);
                let mut pass: Waiting<'_, _> = Box::pin(async move {
                    plan.run_windows(backbone, sequences, origins, run, Some(&split))
                        .await
                });
                Box::new(move || {
                    let waker = std::task::Waker::noop();
                    let mut context = std::task::Context::from_waker(waker);
                    match pass.as_mut().poll(&mut context) {
                        std::task::Poll::Ready(computed) => Some(computed.unwrap()),
                        std::task::Poll::Pending => None,
                    }
                })
            });
            let found: Vec<_> = computed[0]
                .iter()
                .map(|one| (one.places.clone(), bits(one.states.x.data())))
                .collect();
            assert_eq!(found, expected, "{composition:?} in {places} places");
        }
        count += 1;
    }
    assert!(count > 20);
}

/// Adapters that begin in different layers and put different virtual tokens into a text, in one pass.
#[test]
fn adapters_of_different_layers_and_lengths() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine: Engine = engine(dtype);
        let of = [
            json!("prompt"),
            json!("top"),
            json!("prefix"),
            json!({ "parallel": ["lora", "prompt-2", "top"] }),
            json!({ "stack": ["lora", "pfeiffer"] }),
            json!({ "split": [
                { "adapter": "prompt", "rows": 2 },
                { "adapter": "lora", "rows": 1 },
                { "adapter": "top", "rows": 2 },
            ] }),
        ]
        .map(|json| composition(&json));
        let texts = texts(5);
        let expected = engine.classify_with_all(&of, &texts).unwrap();
        for places in 1..=4 {
            for limit in [1, 40, 1000] {
                let begin = || engine.begin_answers(&of, &texts).unwrap();
                let found = read_in_places(places, limit, begin).answers().unwrap();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    for (found, expected) in found.answers.iter().zip(&expected.answers) {
                        assert_eq!(bits(&found.logits), bits(&expected.logits));
                    }
                    assert_eq!(found.answers, expected.answers);
                }
            }
        }
    }
}
