//! Heads as each library writes them.

use graftlet::folder::{self, CARD, CONFIG, Files, Library, SIDE_HEAD};
use graftlet::head::{
    Head, HeadConfig, MULTI_LABEL, Pooling, Problem, SINGLE_LABEL, TOKEN_CLASSIFICATION,
};
use graftlet::model::Backbone;
use serde_json::{Map, Value, json};

use super::tiny::Tiny;
use super::{config, head, problems, task};

pub(super) fn read(files: &Files, name: &str) -> Map<String, Value> {
    serde_json::from_slice(&files[name]).unwrap()
}

fn same_head(a: &Head, b: &Head) {
    let (found, mut expected) = (a.config(), b.config().clone());
    // what labels tokens pools nothing
    if expected.problem.kind == TOKEN_CLASSIFICATION {
        expected.pooling = found.pooling;
    }
    assert_eq!(*found, expected);
    for (a, b) in a.parameters().iter().zip(b.parameters()) {
        assert_eq!((a.name, a.tensor.data()), (b.name, b.tensor.data()));
    }
}

#[test]
fn heads_are_written_and_read_as_each_library_has_them() {
    let bert = Tiny::new(2, 16, 5).bert();
    let shape = bert.shape();
    for problem in problems() {
        for library in [Library::Peft, Library::AdapterHub] {
            let task = task(problem.clone(), library, shape);
            let files = folder::save(&task, "a", library, shape).unwrap();
            assert!(!files.contains_key(SIDE_HEAD), "{problem:?}, {library:?}");
            let loaded = folder::load("a", &files, shape).unwrap();
            same_head(loaded.head.as_ref().unwrap(), task.head.as_ref().unwrap());
            let card = read(&files, CARD);
            match library {
                Library::Peft => {
                    let expected = match problem.kind.name() {
                        "token_classification" => "TOKEN_CLS",
                        _ => "SEQ_CLS",
                    };
                    assert_eq!(read(&files, CONFIG)["task_type"], expected);
                }
                Library::AdapterHub => {
                    let head = read(&files, "head_config.json");
                    let (expected, pooler) = match problem.kind.name() {
                        "multi_label" => ("multilabel_classification", true),
                        "token_classification" => ("tagging", false),
                        _ => ("classification", true),
                    };
                    assert_eq!(head["config"]["head_type"], expected);
                    let inner = head["config"].as_object().unwrap();
                    assert_eq!(inner.contains_key("use_pooler"), pooler);
                    assert_eq!(inner.contains_key("bias"), pooler);
                }
            }
            let expected = match problem.kind.name() {
                "single_label" => None,
                "multi_label" => {
                    Some(json!({"name": "multi_label", "thresholds": [0.25, 0.5, 0.75]}))
                }
                name => Some(json!({"name": name})),
            };
            assert_eq!(card.get("problem").cloned(), expected);

            // without the side file everything is known but names, thresholds, and PEFT's several labels
            let mut bare = files.clone();
            bare.remove(CARD);
            let loaded = folder::load("a", &bare, shape).unwrap();
            let found = &loaded.head.unwrap().config().problem.clone();
            let expected = match (problem.kind.name(), library) {
                ("multi_label", Library::Peft) => SINGLE_LABEL.fresh(),
                _ => problem.kind.fresh(),
            };
            assert_eq!(*found, expected, "{library:?}");
        }
    }
}

#[test]
fn a_head_that_no_library_has_stands_in_the_side_file() {
    let bert = Tiny::new(2, 16, 5).bert();
    let shape = bert.shape();
    for problem in problems() {
        let mut task = task(problem.clone(), Library::Peft, shape);
        let config = HeadConfig {
            pooling: Pooling::Mean,
            dense: Some(graftlet::ops::Activation::Relu.into()),
            ..config(problem.clone())
        };
        task.head = Some(head(config, shape));
        for library in [Library::Peft, Library::AdapterHub] {
            let tokens = problem.kind == TOKEN_CLASSIFICATION;
            let files = folder::save(&task, "a", library, shape).unwrap();
            // what labels tokens pools nothing, and AdapterHub's has a dense layer
            let expected = !(tokens && library == Library::AdapterHub);
            assert_eq!(files.contains_key(SIDE_HEAD), expected, "{problem:?}");
            let loaded = folder::load("a", &files, shape).unwrap().head.unwrap();
            for (a, b) in loaded
                .parameters()
                .iter()
                .zip(task.head.as_ref().unwrap().parameters())
            {
                assert_eq!((a.name, a.tensor.data()), (b.name, b.tensor.data()));
            }
            assert_eq!(loaded.config().problem, problem);
        }
    }
}

#[test]
fn contradictions_are_refused() {
    let bert = Tiny::new(2, 16, 5).bert();
    let shape = bert.shape();
    let refuse = |problem: Problem, library, card: Value, code: &str, part: &str| {
        let mut files = folder::save(&task(problem, library, shape), "a", library, shape).unwrap();
        files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
        let error = folder::load("a", &files, shape).err().unwrap();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    let tokens = json!({"problem": {"name": "token_classification"}});
    for library in [Library::Peft, Library::AdapterHub] {
        refuse(
            SINGLE_LABEL.fresh(),
            library,
            tokens.clone(),
            "config_invalid",
            "labels of tokens",
        );
        let single = json!({"problem": {"name": "single_label"}});
        refuse(
            TOKEN_CLASSIFICATION.fresh(),
            library,
            single,
            "config_invalid",
            "one label",
        );
        let thresholds = |thresholds: Value| json!({"problem": {"name": "multi_label", "thresholds": thresholds}, "labels": ["a", "b", "c"]});
        let problem = || MULTI_LABEL.fresh();
        refuse(
            problem(),
            library,
            thresholds(json!([0.5])),
            "option_invalid",
            "thresholds",
        );
        refuse(
            problem(),
            library,
            thresholds(json!([0.5, 2.0, 0.1])),
            "option_invalid",
            "0 to 1",
        );
    }
    let unknown = json!({"problem": {"name": "sorting"}});
    refuse(
        SINGLE_LABEL.fresh(),
        Library::Peft,
        unknown,
        "config_invalid",
        "sorting",
    );
    let regression = json!({"problem": {"name": "regression"}});
    refuse(
        SINGLE_LABEL.fresh(),
        Library::Peft,
        regression,
        "option_invalid",
        "one output",
    );
}
