//! `.bin` files of `torch.save`: what they hold comes out right, and what is wrong with one is said.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/torch.rs"]
mod torch;

use graftlet::hub::sha256;
use graftlet::tensor_file::TensorFile;
use support::fixture;
use torch::{Entry, archive, file, floats, pickle};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("goldens/ah_prefix_flat_bin/{name}"))).unwrap()
}

/// SHA-256 of a tensor's elements, as numpy's `tobytes()` has them.
fn hash(file: &TensorFile<'_>, name: &str, shape: &[usize]) -> String {
    sha256(&floats(&file.floats(name, shape).unwrap()))
}

#[track_caller]
fn refused(bytes: &[u8], code: &str, part: &str) {
    let error = TensorFile::parse_torch("x.bin", bytes).err().unwrap();
    let sentence = error.to_string();
    assert_eq!(error.code(), code, "{sentence}");
    assert!(sentence.contains(part), "\"{part}\" is not in: {sentence}");
    assert!(sentence.contains("x.bin"), "{sentence}");
}

#[test]
fn adapterhubs_files_are_read() {
    let bytes = golden("pytorch_adapter.bin");
    let file = TensorFile::open("pytorch_adapter.bin", &bytes).unwrap();
    let name = "bert.prefix_tuning.prefix_tunings.ah_prefix_flat_bin.self_prefix.control_trans";
    let expected = "8c8551c04fa5cff0d13d6286aa7303b7c20bc790c60aa59f45f3f285f32f5de4";
    assert_eq!(hash(&file, name, &[46080]), expected);
    // the pool of each layer is a view of the same storage
    assert_eq!(file.names().count(), 7);
    for name in file.names().map(str::to_owned).collect::<Vec<_>>() {
        assert_eq!(hash(&file, &name, &[46080]), expected, "{name}");
    }

    let bytes = golden("pytorch_model_head.bin");
    let file = TensorFile::open("pytorch_model_head.bin", &bytes).unwrap();
    let head = |part: &str, shape: &[usize]| {
        hash(&file, &format!("heads.ah_prefix_flat_bin.{part}"), shape)
    };
    for (part, shape, expected) in [
        (
            "1.weight",
            &[384, 384][..],
            "809fba681769d205e7b4733eb8d1d510f9cb979b10c162df7df706b79b2cd242",
        ),
        (
            "1.bias",
            &[384],
            "fa5073f2fcf1853acb26ec558ec7d1cf85273f8094fecbd6506308053e5f96c7",
        ),
        (
            "4.weight",
            &[3, 384],
            "255db9222288d9ba70b74ba49480e1a900691e0023518c179e5f9303a5d1e388",
        ),
        (
            "4.bias",
            &[3],
            "90ed6b48e0efdb215c7d2ffc3667bdc6ba9272951d5e6e863bfd057dbf8474b9",
        ),
    ] {
        assert_eq!(head(part, shape), expected, "{part}");
    }
    assert_eq!(file.names().count(), 4);
}

#[test]
fn pytorchs_own_views_and_modules() {
    let bytes = std::fs::read(fixture("torch/views.bin")).unwrap();
    let file = TensorFile::open("views.bin", &bytes).unwrap();
    for (name, shape, expected) in [
        (
            "t",
            &[4, 3][..],
            &[0., 4., 8., 1., 5., 9., 2., 6., 10., 3., 7., 11.][..],
        ),
        ("h", &[3], &[-0.596_679_7, 0.182_006_84, -0.856_445_3]),
        (
            "b",
            &[2, 2],
            &[1.101_562_5, -1.070_312_5, 0.122_558_594, -0.566_406_25],
        ),
        ("p", &[2], &[1.0, 1.0]),
        ("s", &[], &[2.5]),
        ("e", &[0, 3], &[]),
        ("c", &[3, 2], &[1., 2., 5., 6., 9., 10.]),
    ] {
        assert_eq!(file.floats(name, shape).unwrap(), expected, "{name}");
    }
    assert_eq!(file.names().count(), 7);

    let bytes = std::fs::read(fixture("torch/linear.bin")).unwrap();
    let file = TensorFile::open("linear.bin", &bytes).unwrap();
    let mut names: Vec<&str> = file.names().collect();
    names.sort_unstable();
    assert_eq!(names, ["bias", "weight"]);
    assert_eq!(
        file.floats("bias", &[5]).unwrap(),
        [
            0.021_387_115,
            0.228_246_88,
            0.346_423_33,
            -0.391_409_46,
            -0.251_414_57
        ]
    );
    assert!(file.floats("weight", &[5, 3]).is_ok());
}

#[test]
fn views_of_a_storage() {
    let values: Vec<f32> = (0..12).map(|x| x as f32).collect();
    let storage = floats(&values);
    let whole = Entry::new("whole", "0", &[3, 4]);
    let view = |name, offset, shape: &[i32], strides: &[i32]| Entry {
        name,
        offset,
        shape: shape.to_vec(),
        strides: strides.to_vec(),
        ..whole.clone()
    };
    let entries = [
        whole.clone(),
        view("transposed", 0, &[4, 3], &[1, 4]),
        view("part", 5, &[2, 2], &[4, 1]),
        view("column", 3, &[3, 1], &[4, 99]),
        view("scalar", 11, &[], &[]),
        view("empty", 99, &[0, 7], &[7, 1]),
        Entry {
            parameter: true,
            ..view("parameter", 4, &[4], &[1])
        },
    ];
    let bytes = file(&entries, &[("0", &storage)]);
    let file = TensorFile::parse_torch("x.bin", &bytes).unwrap();
    let found = |name: &str, shape: &[usize]| file.floats(name, shape).unwrap();
    assert_eq!(found("whole", &[3, 4]), values);
    assert_eq!(
        found("transposed", &[4, 3]),
        [0., 4., 8., 1., 5., 9., 2., 6., 10., 3., 7., 11.]
    );
    assert_eq!(found("part", &[2, 2]), [5., 6., 9., 10.]);
    assert_eq!(found("column", &[3, 1]), [3., 7., 11.]);
    assert_eq!(found("scalar", &[]), [11.]);
    assert!(found("empty", &[0, 7]).is_empty());
    assert_eq!(found("parameter", &[4]), [4., 5., 6., 7.]);
    let error = |name: &str, shape: &[usize]| file.floats(name, shape).unwrap_err().code();
    assert_eq!(error("whole", &[4, 3]), "tensor_shape");
    assert_eq!(error("none", &[1]), "tensor_missing");
    assert!(file.contains("part") && !file.contains("none"));
}

#[test]
fn every_width_of_float_and_no_integer() {
    let of = |name, storage, class| Entry {
        class,
        ..Entry::new(name, storage, &[2])
    };
    let entries = [
        of("f16", "h", "HalfStorage"),
        of("bf16", "b", "BFloat16Storage"),
        of("f64", "d", "DoubleStorage"),
        of("i8", "c", "CharStorage"),
        of("i64", "l", "LongStorage"),
        of("nan", "n", "FloatStorage"),
    ];
    let double: Vec<u8> = [1.5f64, -2.0]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let bytes = file(
        &entries,
        &[
            ("h", &[0x00, 0x3e, 0x00, 0xc0]),
            ("b", &[0xc0, 0x3f, 0x00, 0xc0]),
            ("d", &double),
            ("c", &[1, 255]),
            ("l", &[0; 16]),
            ("n", &floats(&[0.0, f32::NAN])),
        ],
    );
    let file = TensorFile::parse_torch("x.bin", &bytes).unwrap();
    for name in ["f16", "bf16", "f64"] {
        assert_eq!(file.floats(name, &[2]).unwrap(), [1.5, -2.0], "{name}");
    }
    assert_eq!(*file.int8("i8", &[2]).unwrap(), [1, -1]);
    assert_eq!(file.floats("i64", &[2]).unwrap_err().code(), "file_invalid");
    assert_eq!(
        file.floats("nan", &[2]).unwrap_err().code(),
        "tensor_not_finite"
    );
}

fn sample() -> Vec<u8> {
    file(
        &[Entry::new("a", "0", &[2, 2])],
        &[("0", &floats(&[1.0, 2.0, 3.0, 4.0]))],
    )
}

#[test]
fn every_prefix_is_refused_as_truncated() {
    let bytes = sample();
    TensorFile::parse_torch("x.bin", &bytes).unwrap();
    for length in 0..bytes.len() {
        refused(&bytes[..length], "file_truncated", "truncated");
    }
}

#[test]
fn what_is_no_archive() {
    refused(b"\x93NUMPY", "file_invalid", "not a file of torch.save");
    let old = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    refused(old, "file_invalid", "before version 1.6");
    refused(&archive(&[("a", b"b")]), "file_invalid", "no data.pkl");
    let list = pickle(&[]);
    let two = archive(&[("a/data.pkl", &list), ("b/data.pkl", &list)]);
    refused(&two, "file_invalid", "more than one data.pkl");
    let big = archive(&[("a/data.pkl", &list), ("a/byteorder", b"big")]);
    refused(&big, "file_invalid", "not little-endian");
    let list = archive(&[("a/data.pkl", b"].")]);
    refused(&list, "file_invalid", "dictionary");
}

#[test]
fn a_changed_byte_of_a_storage_or_the_list_is_noticed() {
    let bytes = sample();
    for content in [&floats(&[3.0])[..], b"_rebuild_tensor_v2"] {
        let start = bytes
            .windows(content.len())
            .position(|window| window == content)
            .unwrap();
        let mut damaged = bytes.clone();
        damaged[start + 1] ^= 1;
        refused(&damaged, "file_invalid", "checksum");
    }
}

#[test]
fn what_is_no_view_of_its_storage() {
    let storage = floats(&[1.0, 2.0, 3.0, 4.0]);
    let whole = Entry::new("a", "0", &[2, 2]);
    let check = |entry: Entry, part: &str| {
        refused(&file(&[entry], &[("0", &storage)]), "file_invalid", part);
    };
    let class = |class| Entry {
        class,
        ..whole.clone()
    };
    check(
        class("QInt8Storage"),
        "unknown storage type torch.QInt8Storage",
    );
    check(
        class("DoubleStorage"),
        "16 bytes that should hold 4 elements",
    );
    let shaped = |shape: &[i32], strides: &[i32], offset| Entry {
        shape: shape.to_vec(),
        strides: strides.to_vec(),
        offset,
        ..whole.clone()
    };
    check(shaped(&[2, 2], &[3, 1], 0), "beyond its storage");
    check(shaped(&[2, 2], &[2, 1], 1), "beyond its storage");
    check(shaped(&[2, 2], &[2], 0), "one stride an axis");
    check(shaped(&[2, 2], &[2, -1], 0), "has no strides");
    check(shaped(&[2, -2], &[2, 1], 0), "has no shape");
    check(shaped(&[2, 2], &[2, 1], -1), "has no offset");
    check(shaped(&[1000, 1000], &[0, 0], 0), "repeat its elements");
    let huge = i32::MAX;
    check(shaped(&[huge; 4], &[huge; 4], huge), "beyond its storage");
    let elsewhere = Entry {
        storage: "../x",
        ..whole.clone()
    };
    check(elsewhere, "storage archive/data/../x is missing");
    let twice = file(&[whole.clone(), whole.clone()], &[("0", &storage)]);
    refused(&twice, "file_invalid", "two tensors \"a\"");
}

#[test]
fn nothing_is_called_whatever_the_list_asks_for() {
    let list = |value: &[u8]| {
        let list = [b"\x80\x02}X\x01\x00\x00\x00a", value, b"s."].concat();
        archive(&[("a/data.pkl", &list)])
    };
    let system = list(b"cposix\nsystem\nX\x02\x00\x00\x00ls\x85R");
    refused(&system, "file_invalid", "asks to call posix.system");
    refused(&list(b"K\x07"), "file_invalid", "\"a\" is not a tensor");
    let empty = list(b"ctorch._utils\n_rebuild_parameter\n)R");
    refused(&empty, "file_invalid", "a parameter without a tensor");
    let bare = list(b"ctorch._utils\n_rebuild_tensor_v2\n)R");
    refused(&bare, "file_invalid", "has no offset");
}

#[test]
fn versions_of_modules_are_no_tensors() {
    let list = b"\x80\x02}X\x09\x00\x00\x00_metadata}s.";
    let bytes = archive(&[("a/data.pkl", list)]);
    let file = TensorFile::parse_torch("x.bin", &bytes).unwrap();
    assert_eq!(file.names().count(), 0);
}

#[test]
fn a_storage_is_not_handed_out_without_end() {
    let storage = floats(&[1.0; 4096]);
    let names: Vec<&'static str> = (0..200)
        .map(|index| &*Box::leak(format!("t{index}").into_boxed_str()))
        .collect();
    let entries = |count: usize| -> Vec<Entry> {
        let names = names[..count].iter();
        names.map(|name| Entry::new(name, "0", &[64, 64])).collect()
    };
    let most = file(&entries(32), &[("0", &storage)]);
    TensorFile::parse_torch("x.bin", &most).unwrap();
    let too_many = file(&entries(200), &[("0", &storage)]);
    refused(&too_many, "file_invalid", "repeat their storages too often");
}
