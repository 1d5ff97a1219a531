//! Training on 100,000 rows streams: the process stays within 300 MB, the backbone included.
#![cfg(all(target_os = "linux", not(target_arch = "wasm32")))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::engine::Engine;
use graftlet::train::{Dataset, Event, Row, Settings, Trainer};

const ROWS: usize = 100_000;
const LIMIT: usize = 300 << 20;

/// Most memory that the process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

/// The converted backbone that set-up made, read as a page reads it.
fn engine() -> Option<Engine> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/models/minilm-l6");
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    let Some(weights) = read("backbone.safetensors") else {
        support::missing("backbone", &folder);
        return None;
    };
    let (config, tokenizer) = (read("config.json")?, read("tokenizer.json")?);
    Some(Engine::new(&config, &tokenizer, &weights, "fingerprint").unwrap())
}

fn row(index: usize) -> Row {
    let kinds = [
        "the weather of",
        "a recipe for",
        "the price of",
        "a song about",
    ];
    let kind = index % kinds.len();
    let text = format!(
        "please tell me {} number {index} and also {}",
        kinds[kind],
        index * 7919 % ROWS
    );
    Row {
        input: text.as_str().into(),
        label: Some(kinds[kind].to_owned()),
    }
}

#[test]
fn a_hundred_thousand_rows() {
    let Some(engine) = engine() else {
        return;
    };
    let mut settings = Settings::default();
    let (train, dev) = {
        let rows: Vec<Row> = (0..ROWS).map(row).collect();
        let data = Dataset::for_training("rows", &rows, engine.reader()).unwrap();
        settings.split(data).unwrap()
    };
    assert_eq!(train.len() + dev.len(), ROWS);
    println!("rows ready at {} MB", peak() >> 20);
    for (kind, steps) in [("head", 180), ("lora", 5)] {
        let backbone = Arc::clone(engine.backbone());
        let preset = preset(kind).unwrap();
        let (train, dev) = (train.clone(), dev.clone());
        let mut trainer = Trainer::new(backbone, preset, settings.clone(), train, dev).unwrap();
        for _ in 0..steps {
            let event = trainer.step().unwrap();
            assert!(matches!(event, Event::Step { .. } | Event::Working { .. }));
        }
        let states = trainer.learner().state_bytes() >> 20;
        let checkpoint = trainer.checkpoint().unwrap().len() >> 10;
        println!(
            "{kind}: {steps} steps, {states} MB of states, checkpoint of {checkpoint} KB, peak {} MB",
            peak() >> 20
        );
        if kind == "head" {
            assert!(
                states > 110,
                "the states must be as many as they may, or this shows nothing"
            );
        }
    }
    assert!(peak() < LIMIT, "{} MB", peak() >> 20);
}
