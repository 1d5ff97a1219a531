//! Words in a stream of sound, recordings that are longer than the model reads, and takes in a background, with a tiny random
//! model that `tests/python/sound_models.py` made.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unwrap_used
)]

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::engine::{Answer, Engine};
use graftlet::input::Input;
use graftlet::input::sound::Sound;
use graftlet::input::text::LongTexts;
use graftlet::listening::{Detection, Heard, Listener, RATE, Settings};
use graftlet::model::{Anatomy, Checkpoint, SentenceEmbedding};
use graftlet::train::{Dataset, Event, Row, Settings as RunSettings, Trainer};

fn read(path: &str) -> Vec<u8> {
    std::fs::read(support::fixture("sounds").join("whisper").join(path)).unwrap()
}

/// An engine with an adapter "words" that tells low tones, high tones and a hiss.
fn engine() -> Engine {
    // the positions are computed, so there may be as many as of a real model
    let config = String::from_utf8(read("config.json")).unwrap();
    let (few, many) = (
        r#""max_source_positions": 20"#,
        r#""max_source_positions": 1500"#,
    );
    assert!(config.contains(few));
    let anatomy = Anatomy::from_json(config.replace(few, many).as_bytes()).unwrap();
    let weights = read("model.safetensors");
    let mut engine = Engine::assemble(
        &anatomy,
        &read("preprocessor_config.json"),
        &Checkpoint::single(&weights),
        "00",
        SentenceEmbedding::default(),
    )
    .unwrap();
    let settings = RunSettings {
        background: Some("hiss".into()),
        background_copies: Some(2),
        ..RunSettings::default()
    };
    let made = settings.in_background(&takes()).unwrap().unwrap();
    let data = Dataset::for_training("the takes", &made.rows, engine.reader()).unwrap();
    let data = data.grouped(made.groups);
    let mut trainer = Trainer::new(
        Arc::clone(engine.backbone()),
        preset("head").unwrap(),
        settings,
        data.clone(),
        data,
    )
    .unwrap();
    while !matches!(trainer.step().unwrap(), Event::Done { .. }) {}
    engine.insert("words", trainer.finish().unwrap());
    engine
}

/// Samples of a tone.
fn tone(hertz: f32, seconds: f32, rate: u32) -> Vec<f32> {
    let count = (seconds * rate as f32) as usize;
    let wave = |at: usize| 0.4 * (std::f32::consts::TAU * hertz * at as f32 / rate as f32).sin();
    (0..count).map(wave).collect()
}

/// Numbers from -0.02 to 0.02 that are the same each time.
fn hiss(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        0.02 * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    (0..count).map(next).collect()
}

fn take(samples: Vec<f32>, label: &str) -> Row {
    Row {
        input: Sound::new("a take", samples, RATE).unwrap().into(),
        label: Some(label.into()),
    }
}

fn takes() -> Vec<Row> {
    let mut rows = vec![take(hiss(8 * RATE as usize), "hiss")];
    for at in 0..6u8 {
        let (stretch, seconds) = (1.0 + 0.03 * f32::from(at), 0.3 + 0.02 * f32::from(at));
        rows.push(take(tone(200.0 * stretch, seconds, RATE), "low"));
        rows.push(take(tone(3_000.0 * stretch, seconds, RATE), "high"));
    }
    rows
}

/// Eight seconds of hiss, with a low tone in the third and a high one in the sixth.
fn stream() -> Vec<f32> {
    let rate = RATE;
    let mut samples = hiss(8 * rate as usize);
    for (from, hertz) in [(2.3, 210.0), (5.2, 3_100.0)] {
        let at = (from * rate as f32) as usize;
        for (to, x) in samples[at..].iter_mut().zip(tone(hertz, 0.4, rate)) {
            *to += x;
        }
    }
    samples
}

fn settings() -> Settings {
    Settings {
        background: vec!["hiss".into()],
        smoothing: 3,
        threshold: 0.5,
        ..Settings::default()
    }
}

fn listened(engine: &Engine, settings: &Settings, rate: u32, piece: usize) -> Vec<Heard> {
    let mut listener = Listener::new(engine, "words", settings).unwrap();
    let mut heard = Vec::new();
    // what 16 kHz hold, at the rate
    let whole = Sound::new("the stream", stream(), RATE).unwrap();
    for piece in whole.at(rate).unwrap().samples().chunks(piece) {
        let mut tell = |one| heard.push(one);
        listener.push_with(engine, piece, rate, &mut tell).unwrap();
    }
    listener.end(engine, &mut |one| heard.push(one)).unwrap();
    heard
}

fn detections(heard: Vec<Heard>) -> Vec<Detection> {
    heard.into_iter().filter_map(|one| one.detection).collect()
}

#[test]
fn words_are_found_with_their_times_at_any_rate() {
    let engine = engine();
    for rate in [RATE, 44_100] {
        let found = detections(listened(&engine, &settings(), rate, rate as usize));
        let labels: Vec<&str> = found.iter().map(|found| found.label.as_str()).collect();
        assert_eq!(labels, ["low", "high"], "{rate} Hz: {found:?}");
        for (found, start) in found.iter().zip([2.3, 5.2]) {
            assert!(
                found.at > start && found.at < start + 0.9,
                "{rate} Hz: {found:?}"
            );
            assert!(found.start < found.end && found.end <= found.at);
            assert!(found.start > start - 0.5 && found.score >= 0.5);
        }
    }
}

#[test]
fn nothing_depends_on_how_the_stream_is_cut() {
    let engine = engine();
    for rate in [RATE, 8_000] {
        let whole = listened(&engine, &settings(), rate, usize::MAX);
        assert!(whole.len() >= 79, "{}", whole.len());
        for piece in [1, 160, 4_096] {
            // the same bits
            assert_eq!(
                listened(&engine, &settings(), rate, piece),
                whole,
                "{piece}"
            );
        }
    }
}

#[test]
fn the_background_is_never_detected_and_silence_is_not_computed() {
    let engine = engine();
    let settings = Settings {
        background: vec!["hiss".into(), "low".into(), "high".into()],
        ..settings()
    };
    assert_eq!(detections(listened(&engine, &settings, RATE, 999)), []);
    let mut listener = Listener::new(&engine, "words", &settings).unwrap();
    let mut windows = 0;
    let mut tell = |heard: Heard| {
        windows += 1;
        assert_eq!(heard.scores, None);
    };
    let silence = vec![0.0; 3 * RATE as usize];
    listener
        .push_with(&engine, &silence, RATE, &mut tell)
        .unwrap();
    assert_eq!(windows, 30);
    assert!(listener.scores().iter().all(|&score| score == 0.0));
}

#[test]
fn what_cannot_be_listened_to_is_refused() {
    let mut engine = engine();
    let code = |result: graftlet::Result<Listener>| result.err().unwrap().code();
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        Listener::new(&engine, "words", &settings)
    };
    let wrong: [&dyn Fn(&mut Settings); 9] = [
        &|settings| settings.window = 0.1,
        &|settings| settings.window = f64::NAN,
        &|settings| settings.hop = 0.0,
        &|settings| settings.hop = 0.8,
        &|settings| settings.smoothing = 0,
        &|settings| settings.smoothing = 101,
        &|settings| settings.threshold = 0.0,
        &|settings| settings.threshold = f32::NAN,
        &|settings| settings.refractory = -1.0,
    ];
    for change in wrong {
        assert_eq!(code(with(change)), "option_invalid");
    }
    assert_eq!(
        code(Listener::new(&engine, "none", &settings())),
        "adapter_unknown"
    );
    let mut listener = with(&|_| {}).unwrap();
    let mut push = |samples: &[f32], rate| {
        let pushed = listener.push(&engine, samples, rate);
        pushed.map_err(|error| error.code())
    };
    assert_eq!(push(&[0.0, f32::NAN], RATE), Err("sound_not_finite"));
    assert_eq!(push(&[0.0], 10), Err("sound_rate"));
    assert_eq!(push(&[], RATE), Ok(vec![]));
    assert_eq!(push(&[0.0; 10], RATE), Ok(vec![]));
    assert_eq!(push(&[0.0; 10], 8_000), Err("option_invalid"));
    assert_eq!(push(&[0.0; 10], RATE), Ok(vec![]));
    engine.remove("words").unwrap();
    let silence = [0.1; 16_000];
    let pushed = listener.push(&engine, &silence, RATE);
    assert_eq!(pushed.unwrap_err().code(), "adapter_unknown");
}

fn answer(engine: &Engine, samples: Vec<f32>) -> Answer {
    let sound = Sound::new("a recording", samples, RATE).unwrap();
    let mut answers = engine
        .classify_with("words", &[Input::from(sound)])
        .unwrap();
    answers.remove(0)
}

#[test]
fn a_long_recording_is_answered_in_parts() {
    let mut engine = engine();
    let part = |hertz| tone(hertz, 20.0, RATE);
    let short = answer(&engine, part(200.0));
    assert_eq!(
        (short.windows, short.tokens, short.truncated),
        (1, 1_000, false)
    );
    let samples = [part(200.0), part(3_000.0), part(3_000.0)].concat();
    let long = answer(&engine, samples.clone());
    // two parts of 30 seconds
    assert_eq!(
        (long.windows, long.tokens, long.truncated),
        (2, 3_000, false)
    );
    let (first, second) = samples.split_at(30 * RATE as usize);
    let parts = [first, second].map(|part| answer(&engine, part.to_vec()).logits);
    for (label, &logit) in long.logits.iter().enumerate() {
        let mean = f32::midpoint(parts[0][label], parts[1][label]);
        assert!((logit - mean).abs() < 1e-3, "{logit} {mean}");
    }
    // silent parts say nothing
    let silence = vec![0.0; 60 * RATE as usize];
    let alone = answer(&engine, [tone(200.0, 30.0, RATE), silence.clone()].concat());
    assert_eq!((alone.windows, alone.truncated), (1, false));
    assert_eq!(
        alone.logits,
        answer(&engine, tone(200.0, 30.0, RATE)).logits
    );
    assert_eq!(answer(&engine, silence).windows, 2);
    engine.set_long_texts(LongTexts::Truncate);
    let cut = answer(&engine, [part(200.0), part(3_000.0)].concat());
    assert_eq!((cut.windows, cut.tokens, cut.truncated), (1, 1_500, true));
}

#[test]
fn takes_are_learnt_from_in_the_background_too() {
    let rows = takes();
    let settings = |label: Option<&str>, copies| RunSettings {
        background: label.map(str::to_owned),
        background_copies: copies,
        ..RunSettings::default()
    };
    assert_eq!(settings(None, Some(3)).in_background(&rows).unwrap(), None);
    let made = settings(Some("hiss"), Some(3))
        .in_background(&rows)
        .unwrap();
    let made = made.unwrap();
    // 8 seconds in pieces of 0.7 that begin 0.35 seconds after each other, and each of 12 takes four times
    assert_eq!(made.rows.len(), 21 + 12 * 4);
    assert_eq!(made.origins[..21], [0; 21]);
    assert_eq!(made.origins[21..26], [1, 1, 1, 1, 2]);
    // copies of one take are in one group, and pieces of the background ten by ten
    assert_eq!(made.groups[8..12], [0, 0, 1, 1]);
    assert_eq!(made.groups[21..26], [3, 3, 3, 3, 4]);
    assert_eq!(made.rows[21], rows[1]);
    for (row, &origin) in made.rows.iter().zip(&made.origins) {
        assert_eq!(row.label, rows[origin].label);
        let Input::Sound(sound) = &row.input else {
            panic!("no sound");
        };
        assert!(sound.samples().len() <= 11_200);
    }
    let again = settings(Some("hiss"), Some(3))
        .in_background(&rows)
        .unwrap();
    assert_eq!(again, Some(made));
    let refused = |settings: RunSettings, rows: &[Row]| {
        let refused = settings.in_background(rows).unwrap_err();
        assert_eq!(refused.code(), "option_invalid");
        refused.to_string()
    };
    let said = refused(settings(Some("none"), None), &rows);
    assert!(said.contains("no row has this label"), "{said}");
    let said = refused(settings(Some("hiss"), Some(101)), &rows);
    assert!(said.contains("from 0 to 100"), "{said}");
    let text = Row {
        input: "a text".into(),
        label: Some("hiss".into()),
    };
    let said = refused(settings(Some("hiss"), None), &[text]);
    assert!(said.contains("only recordings"), "{said}");
}

#[test]
fn copies_of_a_take_are_held_out_with_it() {
    let engine = engine();
    let mut settings = RunSettings {
        background: Some("hiss".into()),
        background_copies: Some(3),
        ..RunSettings::default()
    };
    let made = settings.in_background(&takes()).unwrap().unwrap();
    let origins = made.origins;
    let data = Dataset::for_training("the takes", &made.rows, engine.reader()).unwrap();
    let data = data.grouped(made.groups.clone());
    let group = |number: usize| made.groups[number];
    for fold in data.folds(3, 1) {
        for (row, origin) in origins.iter().enumerate().take(data.len()) {
            let alike = fold.iter().any(|&other| group(other) == group(row));
            assert_eq!(fold.contains(&row), alike, "row {row} of {origin}");
        }
    }
    let (kept, held) = settings.split(data).unwrap();
    assert!(held.len() >= 3 * 4 && kept.len() > held.len());
    for row in 0..held.len() {
        let own = group(held.number(row));
        assert!((0..kept.len()).all(|other| group(kept.number(other)) != own));
    }
}
