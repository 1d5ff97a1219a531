//! A model of pictures on the command line: a folder of pictures for each label, and lines that name files.

use std::path::Path;

use super::{fail, graftlet, json, succeed};

/// A BMP file of one colour with a spot in another place for each `take`.
fn bmp([red, green, blue]: [u8; 3], take: usize) -> Vec<u8> {
    const SIDE: usize = 12;
    let pixels = (0..SIDE * SIDE).flat_map(|at| match at % 13 == take {
        true => [90, 90, 90],
        false => [blue, green, red],
    });
    let mut bytes = b"BM".to_vec();
    bytes.extend(u32::to_le_bytes((54 + 3 * SIDE * SIDE) as u32));
    bytes.extend([0; 4]);
    bytes.extend(54u32.to_le_bytes());
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(u32::to_le_bytes(SIDE as u32));
    bytes.extend(u32::to_le_bytes(SIDE as u32));
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend(pixels);
    bytes
}

/// A folder with a model of pictures as a hub has it, and a folder of pictures for each of two labels.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures/vit");
    std::fs::create_dir(path.join("hub")).unwrap();
    for file in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        std::fs::copy(source.join(file), path.join("hub").join(file)).unwrap();
    }
    for (label, colour) in [("sky", [40, 80, 220]), ("grass", [30, 200, 60])] {
        std::fs::create_dir_all(path.join("rows").join(label)).unwrap();
        for take in 0..8 {
            let file = path.join(format!("rows/{label}/{take}.bmp"));
            std::fs::write(file, bmp(colour, take)).unwrap();
        }
    }
    folder
}

#[test]
fn from_folders_of_pictures_to_answers() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to model", "");
    for kind in ["head", "lora", "houlsby"] {
        let train = format!("train --backbone model --data rows --kind {kind} --out {kind}");
        succeed(path, &format!("{train} --seed 1"), "");
        let eval = format!("eval --backbone model --adapter {kind} --data rows --json");
        let scored = json(&succeed(path, &eval, ""));
        assert_eq!(
            (&scored["score"], &scored["n"]),
            (&1.0.into(), &16.into()),
            "{kind}"
        );
    }
    std::fs::write(path.join("cut.bmp"), &bmp([0, 0, 0], 0)[..100]).unwrap();
    let lines = "rows/sky/3.bmp\ncut.bmp\nrows/grass/2.bmp\n";
    let output = graftlet(
        path,
        "predict --backbone model --adapter lora --json",
        lines,
    );
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<_> = said.lines().map(json).collect();
    assert_eq!(
        (&said[0]["label"], &said[0]["file"]),
        (&"sky".into(), &"rows/sky/3.bmp".into())
    );
    assert_eq!(said[1]["error"]["code"], "file_truncated");
    assert_eq!(said[2]["label"], "grass");
}

#[test]
fn a_text_is_no_picture() {
    let folder = workspace();
    let path = folder.path();
    std::fs::write(path.join("rows/sky/notes.txt"), b"these were taken in May").unwrap();
    let said = fail(
        path,
        "train --backbone hub --data rows --kind head --out x",
        "picture_invalid",
    );
    assert!(said.contains("notes.txt"), "{said}");
}
