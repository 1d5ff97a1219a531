//! AdapterHub's settings and keys, as its versions write them.

use graftlet::folder::{self, CONFIG};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use serde_json::{Value, json};

use super::{goldens, inner, with_config};

/// An unknown field that switches something on is refused by name; any other is kept and written back.
#[test]
fn unknown_fields() {
    let goldens = goldens();
    let active = [json!(true), json!([1]), json!({"x": 1})];
    let passive = [
        json!(null),
        json!(false),
        json!([]),
        json!({}),
        json!(16),
        json!("x"),
    ];
    for (name, files) in &goldens {
        let places: &[&str] = if name.starts_with("peft") {
            &[CONFIG]
        } else {
            &[CONFIG, "head_config.json"]
        };
        let edit = |file: &str, value: &Value| {
            with_config(files, file, |map| {
                let map = if name.starts_with("peft") {
                    map
                } else {
                    inner(map)
                };
                map.insert("future_field".into(), value.clone());
            })
        };
        let (_, shape) = folder::inspect(name, files).unwrap();
        for file in places {
            for value in &active {
                let error = folder::load(name, &edit(file, value), &shape)
                    .err()
                    .unwrap();
                assert_eq!(error.code(), "unsupported_feature");
                assert!(error.to_string().contains("future_field"), "{error}");
                assert!(error.to_string().contains(file), "{error}");
            }
            for value in &passive {
                let task = folder::load(name, &edit(file, value), &shape).unwrap();
                let saved = folder::save(&task, name, task.library, &shape).unwrap();
                let map: Value = serde_json::from_slice(&saved[*file]).unwrap();
                let map = if name.starts_with("peft") {
                    &map
                } else {
                    &map["config"]
                };
                assert_eq!(map.get("future_field"), Some(value), "{name}, {file}");
            }
        }
    }
}

#[test]
fn what_stands_around_adapterhubs_settings_is_written_back() {
    let files = &goldens()["ah_lora_r8"];
    let files = with_config(files, CONFIG, |map| {
        map.insert("type".into(), json!("text_task"));
    });
    let files = with_config(&files, "head_config.json", |map| {
        inner(map).insert("dropout_prob".into(), json!(0.25));
        map.insert("note".into(), json!("n"));
    });
    let (task, shape) = folder::inspect("a", &files).unwrap();
    let saved = folder::save(&task, "a", task.library, &shape).unwrap();
    let read = |file: &str| serde_json::from_slice::<Value>(&saved[file]).unwrap();
    assert_eq!(read(CONFIG)["type"], "text_task");
    assert_eq!(read("head_config.json")["note"], "n");
    // what is written is the version that is spoken, not the one that was read
    assert_eq!(read(CONFIG)["name"], "a");
}

/// The same words mean other things in older files.
#[test]
fn versions_of_adapterhub() {
    let lora = &goldens()["ah_lora_r8"];
    let alpha = |version: &str| {
        let files = with_config(lora, CONFIG, |map| {
            map.insert("version".into(), json!(version));
            inner(map).insert("alpha".into(), json!(3));
        });
        let (task, shape) = folder::inspect("a", &files).unwrap();
        task.adapter.config().describe(&shape).sizes["alpha"]
            .as_f64()
            .unwrap()
    };
    for (version, expected) in [
        ("adapters.1.0.0", 8.0),
        ("adapters.1.0.1", 8.0),
        ("adapters.0.1.2", 8.0),
        ("adapters.1.1.0.dev0", 8.0),
        ("adapters.1.1.0rc1", 8.0),
        ("adapters.1.1.0", 3.0),
        ("adapters.1.1.1.dev0", 3.0),
        ("adapters.1.3.0", 3.0),
        ("adapters.2.0", 3.0),
        // adapter-transformers had its own numbers
        ("1.0.0", 3.0),
        ("3.2.1", 3.0),
    ] {
        assert!((alpha(version) - expected).abs() < 1e-9, "{version}");
    }

    let houlsby = &goldens()["ah_houlsby"];
    let activation = |before: &str, versioned: bool| {
        let files = with_config(houlsby, CONFIG, |map| {
            inner(map).insert("non_linearity".into(), json!(before));
            if !versioned {
                map.shift_remove("version");
            }
        });
        let (task, shape) = folder::inspect("a", &files).unwrap();
        let saved = folder::save(&task, "a", task.library, &shape).unwrap();
        let map: Value = serde_json::from_slice(&saved[CONFIG]).unwrap();
        map["config"]["non_linearity"].as_str().unwrap().to_owned()
    };
    assert_eq!(activation("gelu", false), "gelu_new");
    assert_eq!(activation("gelu_orig", false), "gelu");
    assert_eq!(activation("gelu", true), "gelu");
    assert_eq!(activation("swish", false), "swish");

    let hashed = with_config(houlsby, CONFIG, |map| {
        map.insert("config".into(), json!("0123456789abcdef"));
    });
    let error = folder::inspect("a", &hashed).err().unwrap();
    assert_eq!(error.code(), "config_invalid");
    assert!(error.to_string().contains("0123456789abcdef"), "{error}");
}

/// Files from before AdapterHub's `adapters` name the module after the adapter's type.
#[test]
fn keys_of_older_files() {
    let mut files = goldens()["ah_houlsby"].clone();
    let content = files["adapter.safetensors"].clone();
    let file = TensorFile::parse("x", &content).unwrap();
    let mut writer = TensorFileWriter::default();
    for name in file.names() {
        let shape = file.info(name).unwrap().0;
        let old = name
            .replace(
                ".attention.output.adapters.",
                ".attention.output.attention_text_task_adapters.",
            )
            .replace(".output.adapters.", ".output.layer_text_task_adapters.");
        assert_ne!(old, name);
        let data = file.floats(name, &shape).unwrap();
        writer.floats(&old, &shape, &data, FloatType::F32);
    }
    let (new, _) = folder::inspect("a", &files).unwrap();
    files.insert("adapter.safetensors".into(), writer.finish("pt").unwrap());
    let (old, _) = folder::inspect("a", &files).unwrap();
    for (new, old) in new
        .adapter
        .parameters()
        .iter()
        .zip(old.adapter.parameters())
    {
        assert_eq!((new.name, new.tensor.data()), (old.name, old.tensor.data()));
    }
}
