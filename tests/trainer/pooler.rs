//! Training of the pooler.

use std::sync::Arc;

use graftlet::adapter::{Options, Site, preset};
use graftlet::folder::Library;
use graftlet::head::Pooling;
use graftlet::model::{Linear, LinearSite};
use graftlet::train::{Settings, Trainer};

use super::{answer_bits, dataset, opinions, settings, texts, tiny_int8, trained};

// ---- the pooler

/// Below it nothing changes, so the states are computed once, and what is learnt is the pooler's.
#[test]
fn the_pooler_alone_can_be_trained() {
    let mut engine = tiny_int8();
    for kind in ["lora", "dora", "ia3"] {
        let at_pooler = |pooling| Settings {
            pooling: Some(pooling),
            adapter: Options {
                targets: Some(vec![Linear::Pooler]),
                dropout: (kind != "ia3").then_some(0.1),
                ..Options::default()
            },
            ..settings(8, 8, 2e-2)
        };
        let task = trained(&engine, kind, at_pooler(Pooling::Pooler));
        assert_eq!(task.adapter.lowest_layer(), None, "{kind}");
        let site = Site::Linear(LinearSite::POOLER);
        let parameters = task.adapter.parameters();
        assert!(parameters.iter().all(|p| p.name.site == site), "{kind}");
        // what begins as zeros or ones has moved
        let last = parameters.last().unwrap().tensor.data();
        assert!(
            last.iter().all(|&x| x.abs() > 0.0 && (x - 1.0).abs() > 0.0),
            "{kind}"
        );
        engine.insert(kind, task);
        let (answers, files) = (
            engine.classify_with(kind, &texts()).unwrap(),
            engine.export(kind, Library::Peft).unwrap(),
        );
        engine.add("again", &files).unwrap();
        let again = engine.classify_with("again", &texts()).unwrap();
        assert_eq!(answer_bits(&again), answer_bits(&answers), "{kind}");
        // a head that does not read it would leave it as it was
        let rows = opinions(8, 3);
        let (train, dev) = (dataset(&engine, &rows), dataset(&engine, &rows));
        let error = Trainer::new(
            Arc::clone(engine.backbone()),
            preset(kind).unwrap(),
            at_pooler(Pooling::Mean),
            train,
            dev,
        )
        .err()
        .unwrap();
        assert_eq!(error.code(), "option_invalid", "{kind}");
        assert!(
            error.to_string().contains("does not read the pooler"),
            "{error}"
        );
    }
}

/// All biases are the pooler's too, if the head reads it.
#[test]
fn the_poolers_bias_is_trained_where_it_is_read() {
    let engine = tiny_int8();
    for (pooling, trains) in [(Pooling::Pooler, true), (Pooling::Mean, false)] {
        let settings = Settings {
            pooling: Some(pooling),
            ..settings(2, 8, 1e-2)
        };
        let task = trained(&engine, "bitfit", settings);
        let site = Site::Linear(LinearSite::POOLER);
        let found = task
            .adapter
            .parameters()
            .iter()
            .any(|p| p.name.site == site);
        assert_eq!(found, trains, "{pooling:?}");
    }
}
