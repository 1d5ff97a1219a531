//! Two encoders as one backbone: their vectors, an adapter of both, and what such a backbone refuses.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "../support/labelled.rs"]
mod labelled;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tiny.rs"]
mod tiny;

use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::compose::Composition;
use graftlet::engine::Engine;
use graftlet::folder::{self, Library, TaskAdapter};
use graftlet::head::{Pairs, ProblemName, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::input::picture::Picture;
use graftlet::input::sound::Sound;
use graftlet::input::text::Text;
use graftlet::input::{Input, Sort};
use graftlet::model::{Anatomy, Checkpoint, Dtype, NormSite, SentenceEmbedding};
use graftlet::params::Site;
use graftlet::train::{Computed, Dataset, Learner, Lesson, Reading, Row, Settings, Share};
use labelled::{row, run, trainer};
use tiny::Tiny;

/// A tiny model of the fixtures.
fn engine_of(folder: &str) -> Engine {
    let read = |file: &str| std::fs::read(support::fixture(folder).join(file)).unwrap();
    let anatomy = Anatomy::from_json(&read("config.json")).unwrap();
    let weights = read("model.safetensors");
    let checkpoint = Checkpoint::single(&weights);
    let reader = read("preprocessor_config.json");
    let sentence = SentenceEmbedding::default();
    Engine::assemble(&anatomy, &reader, &checkpoint, folder, sentence).unwrap()
}

fn texts() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::F32)
}

fn sounds() -> Engine {
    engine_of("sounds/whisper")
}

fn pictures() -> Engine {
    engine_of("pictures/vit")
}

/// Half a second of a tone.
fn tone(hertz: f32) -> Input {
    let sample = |at: u16| 0.4 * (f32::from(at) / 16_000.0 * hertz * std::f32::consts::TAU).sin();
    Sound::new("a tone", (0..8_000).map(sample).collect(), 16_000)
        .unwrap()
        .into()
}

/// A picture of one colour.
fn colour(rgb: [u8; 3]) -> Input {
    Picture::from_rgb("a colour", 12, 12, rgb.repeat(144))
        .unwrap()
        .into()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// The layer that a parameter acts in.
fn layer_of(site: Site) -> Option<usize> {
    match site {
        Site::Linear(site) => site.layer,
        Site::Sublayer(site) | Site::Norm(NormSite::Block(site)) => Some(site.layer),
        Site::Norm(_) | Site::Encoder | Site::Head => None,
    }
}

/// Pairs of a colour and a sentence that names it, or another one.
fn rows(problem: ProblemName, count: usize) -> Vec<Row> {
    let colours = [
        ("red", [200, 30, 30]),
        ("green", [30, 200, 30]),
        ("blue", [30, 30, 200]),
    ];
    let of = |index: usize| {
        let (named, shown) = (colours[index % 3], colours[index / 3 % 3]);
        let filler = ["the", "a", "very"][index / 9 % 3];
        let text: Input = Text::from(&*format!("{filler} {} book", named.0)).into();
        let shade = u8::try_from(index / 9).unwrap();
        let picture = colour(shown.1.map(|channel| channel + shade));
        let same = named.0 == shown.0;
        let label = match problem == REGRESSION {
            true => {
                if same {
                    "1"
                } else {
                    "0"
                }
            }
            false => {
                if same {
                    "same"
                } else {
                    "other"
                }
            }
        };
        row(Input::pair(text, picture), label)
    };
    (0..count).map(of).collect()
}

fn reading(problem: ProblemName) -> Reading {
    Reading {
        problem,
        ..Reading::default()
    }
}

fn data(engine: &Engine, problem: ProblemName, count: usize) -> Dataset {
    Dataset::read(
        "rows",
        &rows(problem, count),
        engine.reader(),
        &reading(problem),
    )
    .unwrap()
}

fn settings(epochs: usize) -> Settings {
    Settings {
        epochs: Some(epochs),
        batch_size: Some(9),
        learning_rate: Some(1e-2),
        contrastive_steps: Some(0),
        seed: Some(5),
        ..Settings::default()
    }
}

fn learnt(engine: &Engine, kind: &str, problem: ProblemName, epochs: usize) -> TaskAdapter {
    let data = data(engine, problem, 54);
    let mut trainer = trainer(engine, kind, settings(epochs), data.clone(), data);
    run(&mut trainer);
    trainer.finish().unwrap()
}

#[test]
fn vectors_of_halves_are_those_of_their_own_models() {
    for other in [sounds(), pictures()] {
        let first = texts();
        let both = Engine::dual(&first, &other).unwrap();
        let shape = both.backbone().shape();
        let own = [&first, &other].map(|own| own.backbone().shape());
        assert_eq!(shape.layers, own[0].layers + own[1].layers);
        assert_eq!(shape.parameters, own[0].parameters + own[1].parameters);
        let second = |number: u8| match other.reader().sort() {
            Sort::Sound => tone(200.0 + 100.0 * f32::from(number)),
            _ => colour([number, 90, 100]),
        };
        // in one call, the sorts mixed
        let inputs: Vec<Input> = vec![
            second(1),
            "good film".into(),
            "a very dull book".into(),
            second(2),
            second(3),
            "red".into(),
        ];
        let found = both.embed(&inputs).unwrap();
        for (input, found) in inputs.iter().zip(found) {
            let owner = match input.sort() {
                Sort::Text => &first,
                _ => &other,
            };
            let alone = owner.embed(std::slice::from_ref(input)).unwrap();
            assert_eq!(bits(&alone[0]), bits(&found));
        }
    }
}

#[test]
fn an_adapter_of_both_is_learnt_saved_and_answers() {
    let mut both = Engine::dual(&texts(), &pictures()).unwrap();
    let layers = both.backbone().shape().layers;
    for problem in [REGRESSION, SINGLE_LABEL] {
        for kind in [
            "lora", "ia3", "houlsby", "pfeiffer", "parallel", "bitfit", "prefix", "head",
        ] {
            let fresh = learnt(&both, kind, problem, 1);
            let task = learnt(&both, kind, problem, 12);
            let changed = |layer: usize| {
                let pairs = task
                    .adapter
                    .parameters()
                    .iter()
                    .zip(fresh.adapter.parameters());
                let own = pairs.filter(|(p, _)| layer_of(p.name.site) == Some(layer));
                own.fold(None, |changed: Option<bool>, (a, b)| {
                    Some(changed.unwrap_or_default() || a.tensor.data() != b.tensor.data())
                })
            };
            // a prefix's parameters are of all layers
            if !["head", "prefix"].contains(&kind) {
                for layer in 0..layers {
                    assert_eq!(changed(layer), Some(true), "{kind}, layer {layer}");
                }
            }
            let inputs: Vec<Input> = rows(problem, 9).into_iter().map(|row| row.input).collect();
            let before = both.answer(&task, &inputs, "it").unwrap();
            if problem == SINGLE_LABEL && kind == "lora" {
                let right = before.iter().enumerate().filter(|(index, answer)| {
                    let is_same = index % 3 == index / 3 % 3;
                    (answer.logits[1] > answer.logits[0]) == is_same
                });
                assert_eq!(right.count(), 9);
            }
            let files = folder::save(&task, "it", Library::Peft, both.backbone().shape())
                .or_else(|_| {
                    folder::save(&task, "it", Library::AdapterHub, both.backbone().shape())
                })
                .unwrap_or_else(|error| panic!("{kind}: {error}"));
            both.add("it", &files).unwrap();
            let after = both.classify_with("it", &inputs).unwrap();
            for (after, before) in after.iter().zip(&before) {
                assert_eq!(bits(&after.logits), bits(&before.logits), "{kind}");
            }
            // a pair alone has the bits that it has among others
            let alone = both.classify_with("it", &inputs[4..5]).unwrap();
            assert_eq!(bits(&alone[0].logits), bits(&before[4].logits), "{kind}");
        }
    }
}

/// Each half of an adapter's parameters has the gradient that finite differences have.
#[test]
fn gradients_of_both_halves_against_finite_differences() {
    let both = Engine::dual(&texts(), &sounds()).unwrap();
    let inputs: Vec<Row> = (0u8..4)
        .map(|index| {
            let text: Input = ["good film", "the bad song"][usize::from(index % 2)].into();
            let sound = tone(300.0 + 400.0 * f32::from(index / 2));
            row(
                Input::pair(text, sound),
                ["0.5", "-0.25", "1"][usize::from(index % 3)],
            )
        })
        .collect();
    let data = Dataset::read("rows", &inputs, both.reader(), &reading(REGRESSION)).unwrap();
    let again = data.clone();
    let kind = preset("houlsby").unwrap();
    let backbone = Arc::clone(both.backbone());
    let mut learner = Learner::new(backbone, kind, &settings(1), data.clone(), data).unwrap();
    let share = Share::Learn {
        step: 0,
        rows: (0..4).collect(),
        weight: 4.0,
    };
    let mut lesson = |parameters: &[f32]| -> Lesson {
        learner.set_parameters(parameters).unwrap();
        match learner.compute(&share).unwrap() {
            Computed::Learnt(lesson) => lesson,
            other => panic!("{other:?}"),
        }
    };
    let start = {
        let backbone = Arc::clone(both.backbone());
        let of = Learner::new(backbone, kind, &settings(1), again.clone(), again).unwrap();
        // away from zero, where a fresh adapter changes nothing
        let moved = of.parameters().into_iter().enumerate();
        let moved = moved.map(|(at, x)| x + 0.2 * ((at * 37 % 101) as f32 / 101.0 - 0.5));
        moved.collect::<Vec<f32>>()
    };
    let gradient = lesson(&start).gradient;
    let step = 4e-3f32;
    let mut large = 0;
    for at in (0..start.len()).step_by(7) {
        let mut loss = |by: f32| {
            let mut moved = start.clone();
            moved[at] += by;
            lesson(&moved).loss
        };
        let slope = (loss(step) - loss(-step)) / (2.0 * f64::from(step));
        let found = f64::from(gradient[at]);
        assert!(
            (slope - found).abs() <= 2e-4 + 0.02 * slope.abs(),
            "parameter {at}: {found}, and by differences {slope}"
        );
        large += usize::from(slope.abs() > 1e-3);
    }
    assert!(large > 40, "{large} slopes are not small");
}

#[test]
fn two_models_of_one_sort_are_no_pair() {
    for (first, second) in [(texts(), texts()), (pictures(), pictures())] {
        let error = Engine::dual(&first, &second).err().unwrap();
        assert_eq!(error.code(), "option_invalid");
        assert!(
            error.to_string().contains("the first reads them too"),
            "{error}"
        );
    }
}

#[test]
fn an_adapter_of_one_model_is_no_adapter_of_two() {
    let (first, second) = (texts(), pictures());
    let mut both = Engine::dual(&first, &second).unwrap();
    let mut turned = Engine::dual(&second, &first).unwrap();
    let task = learnt(&both, "lora", REGRESSION, 1);
    let files = folder::save(&task, "it", Library::Peft, both.backbone().shape()).unwrap();
    for engine in [&mut turned, &mut texts(), &mut pictures()] {
        assert!(engine.add("it", &files).is_err());
    }
    both.add("it", &files).unwrap();
    let one = {
        let own = texts();
        let data = Dataset::read(
            "rows",
            &labelled::rows(SINGLE_LABEL, 12, 1),
            own.reader(),
            &reading(SINGLE_LABEL),
        );
        let data = data.unwrap();
        let mut trainer = trainer(&own, "lora", settings(1), data.clone(), data);
        run(&mut trainer);
        let task = trainer.finish().unwrap();
        folder::save(&task, "it", Library::Peft, own.backbone().shape()).unwrap()
    };
    assert!(both.add("one", &one).is_err());
}

#[test]
fn what_two_encoders_cannot_do_is_said() {
    let both = Engine::dual(&texts(), &pictures()).unwrap();
    let text: Input = "good film".into();
    let pair = Input::pair(text.clone(), colour([1, 2, 3]));
    let code = |result: graftlet::Result<Vec<Vec<f32>>>| result.unwrap_err().code();
    assert_eq!(code(both.embed(&[pair])), "input_unsupported");
    assert_eq!(code(both.embed(&[tone(300.0)])), "input_unsupported");
    let task = learnt(&both, "lora", REGRESSION, 1);
    assert!(both.answer(&task, &[text], "it").is_err(), "half a pair");

    let made = |problem, pairs| {
        let reading = Reading {
            pairs,
            ..reading(problem)
        };
        Dataset::read("rows", &rows(problem, 9), both.reader(), &reading)
    };
    assert_eq!(
        made(REGRESSION, Some(Pairs::Joint)).unwrap_err().code(),
        "option_invalid"
    );
    assert_eq!(
        made(TOKEN_CLASSIFICATION, None).unwrap_err().code(),
        "option_invalid"
    );

    let data = data(&both, REGRESSION, 9);
    for (kind, option, settings) in [
        ("prompt", "kind", settings(1)),
        ("lora", "dropout", {
            let mut with = settings(1);
            with.adapter.dropout = Some(0.1);
            with
        }),
    ] {
        let preset = preset(kind).unwrap();
        let backbone = Arc::clone(both.backbone());
        let learner = Learner::new(backbone, preset, &settings, data.clone(), data.clone());
        let error = learner.err().unwrap();
        assert_eq!(error.code(), "option_invalid");
        assert!(error.to_string().contains(option), "{error}");
    }
    let unknown = Composition::from_json(&serde_json::json!("nobody")).unwrap();
    assert!(
        both.classify_with_all(&[unknown], &["good".into()] as &[Input; 1])
            .is_err()
    );
}
