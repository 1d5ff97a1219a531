//! Folders of converted models.

use serde_json::Value;

use super::{content, fail, succeed, train, workspace};

#[test]
fn a_conversion_never_replaces_the_weights_it_is_made_of() {
    let folder = workspace();
    let path = folder.path();
    let before = content(&path.join("hub"));
    for to in ["hub", "hub/", "./hub/.", "hub/../hub"] {
        let convert = format!("convert --from hub --to {to}");
        fail(
            path,
            &convert,
            "option_invalid",
            &["--to", "the folder that is read"],
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("hub", path.join("link")).unwrap();
        fail(
            path,
            "convert --from hub --to link",
            "option_invalid",
            &["is read"],
        );
        fail(
            path,
            "convert --from link --to hub",
            "option_invalid",
            &["is read"],
        );
    }
    fail(
        path,
        "convert --from hub --to train.csv",
        "option_invalid",
        &["is a file"],
    );
    train(path, "lora", "mean", "adapter");
    fail(
        path,
        "convert --from hub --to adapter",
        "option_invalid",
        &["holds an adapter"],
    );
    let merge = "merge --from hub --adapter adapter --to";
    fail(
        path,
        &format!("{merge} hub"),
        "option_invalid",
        &["is read"],
    );
    fail(
        path,
        &format!("{merge} adapter"),
        "option_invalid",
        &["holds an adapter"],
    );
    for name in [
        "model.safetensors",
        "pytorch_model.bin",
        "model-00001-of-00002.safetensors",
        "pytorch_model.bin.index.json",
        "tf_model.h5",
        "model.onnx",
    ] {
        std::fs::create_dir(path.join("other")).unwrap();
        std::fs::write(path.join("other").join(name), "weights").unwrap();
        for command in ["convert --from hub --to other", &format!("{merge} other")] {
            fail(path, command, "option_invalid", &[name, "would be lost"]);
        }
        assert_eq!(
            std::fs::read(path.join("other").join(name)).unwrap(),
            b"weights"
        );
        std::fs::remove_dir_all(path.join("other")).unwrap();
    }
    assert_eq!(content(&path.join("hub")), before);
    // an earlier result is replaced, and nothing of it is left
    for dtype in ["int8", "f32", "f16", "int8"] {
        succeed(
            path,
            &format!("convert --from hub --to again --dtype {dtype}"),
        );
        let weights = if dtype == "int8" { "backbone" } else { "model" };
        let weights = format!("{weights}.safetensors");
        let names: Vec<String> = content(&path.join("again")).into_keys().collect();
        let mut expected = vec!["config.json", "manifest.json", "tokenizer.json", &weights];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
    fail(
        path,
        "convert --from again --to b",
        "option_invalid",
        &["converted already"],
    );
    for _ in 0..2 {
        succeed(path, &format!("{merge} merged"));
    }
    // a checkpoint that came into a converted folder later is somebody's
    std::fs::write(path.join("again/model.safetensors"), "weights").unwrap();
    fail(
        path,
        "convert --from hub --to again",
        "option_invalid",
        &["would be lost"],
    );
}

/// `int8` is what is meant if nothing is said, and no other program finds its codes where it looks for weights.
/// A folder that is not graftlet's may hold files of the same names.
#[test]
fn a_conversion_replaces_no_file_of_others() {
    let folder = workspace();
    let path = folder.path();
    for name in ["config.json", "tokenizer.json", "manifest.json"] {
        let other = format!("with-{name}");
        std::fs::create_dir(path.join(&other)).unwrap();
        std::fs::write(path.join(&other).join(name), b"{\"mine\": 1}").unwrap();
        let before = content(&path.join(&other));
        let convert = format!("convert --from hub --to {other}");
        fail(
            path,
            &convert,
            "option_invalid",
            &[name, "name another folder"],
        );
        assert_eq!(content(&path.join(&other)), before);
    }
    // a part of the model that is read, such as the pooling of sentence-transformers
    std::fs::create_dir(path.join("hub/1_Pooling")).unwrap();
    std::fs::write(path.join("hub/1_Pooling/notes.txt"), b"mine").unwrap();
    let convert = "convert --from hub --to hub/1_Pooling";
    fail(
        path,
        convert,
        "option_invalid",
        &["in the folder that is read"],
    );
    // a path that leads through a file
    std::fs::write(path.join("file"), b"").unwrap();
    let words = ["file is a file"];
    fail(
        path,
        "convert --from hub --to file/b",
        "option_invalid",
        &words,
    );
    succeed(path, "convert --from hub --to hub/int8");
    succeed(path, "convert --from hub --to hub/int8");
}

#[test]
fn int8_codes_have_a_name_of_their_own_and_older_folders_load() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to new");
    let manifest = std::fs::read_to_string(path.join("new/manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["dtype"], "int8");
    assert!(!path.join("new/model.safetensors").exists());
    let weights = std::fs::read(path.join("new/backbone.safetensors")).unwrap();
    let header = String::from_utf8_lossy(&weights[8..200]).into_owned();
    assert!(header.contains(r#""format":"graftlet-int8""#), "{header}");
    // as versions before wrote it
    std::fs::create_dir(path.join("old")).unwrap();
    for name in ["config.json", "tokenizer.json"] {
        std::fs::copy(path.join("new").join(name), path.join("old").join(name)).unwrap();
    }
    std::fs::write(path.join("old/model.safetensors"), &weights).unwrap();
    manifest["files"][2]["name"] = "model.safetensors".into();
    manifest.as_object_mut().unwrap().remove("embedding");
    std::fs::write(path.join("old/manifest.json"), manifest.to_string()).unwrap();
    for name in ["new", "old"] {
        let facts: Value =
            serde_json::from_str(&succeed(path, &format!("inspect {name} --json"))).unwrap();
        assert_eq!(facts["dtype"], "int8");
        assert_eq!(facts["embedding"]["normalize"], true);
    }
    std::fs::remove_file(path.join("new/backbone.safetensors")).unwrap();
    fail(
        path,
        "inspect new",
        "file_missing",
        &["backbone.safetensors", "manifest"],
    );
}
