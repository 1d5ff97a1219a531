//! A backbone whose weights arrive piece by piece is the one whose file was read whole.

use graftlet::model::folder::ModelFolder;
use graftlet::model::{Anatomy, Arrival, Backbone, Checkpoint, Dtype, Encoder, convert_checkpoint};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};

use super::models;

const PLACE: &str = "backbone.safetensors";

fn arrive(anatomy: &Anatomy, file: &[u8], pieces: usize) -> graftlet::Result<Encoder> {
    let mut arrival = Arrival::new(anatomy.clone(), PLACE, file.len());
    for piece in file.chunks(file.len().div_ceil(pieces).max(1)) {
        let mut copy = |at: usize, to: &mut [u8]| to.copy_from_slice(&piece[at..][..to.len()]);
        arrival.push(piece.len(), &mut copy)?;
    }
    arrival.finish("00")
}

fn whole(anatomy: &Anatomy, file: &[u8]) -> graftlet::Result<Encoder> {
    let checkpoint = Checkpoint::new(vec![(PLACE.to_owned(), file.into())]);
    Encoder::load_checkpoint(anatomy, &checkpoint, "00")
}

/// A file with its floating-point tensors, changed by `change`; those for which it gives nothing are left out.
fn changed(
    file: &[u8],
    change: impl Fn(&str, Vec<usize>, Vec<f32>) -> Option<(Vec<usize>, Vec<f32>)>,
) -> Vec<u8> {
    let file = TensorFile::parse(PLACE, file).unwrap();
    let mut names: Vec<&str> = file.names().collect();
    names.sort_unstable();
    let mut writer = TensorFileWriter::default();
    for name in names {
        let (shape, _) = file.info(name).unwrap();
        let data = file.floats(name, &shape).unwrap();
        if let Some((shape, data)) = change(name, shape, data) {
            writer.floats(name, &shape, &data, FloatType::F32);
        }
    }
    writer.finish("pt").unwrap()
}

#[test]
fn it_is_the_same_in_every_family_and_every_dtype() {
    for model in models() {
        let folder = ModelFolder::open(&model.files).unwrap();
        for dtype in [Dtype::Int8, Dtype::Q4, Dtype::F16, Dtype::F32] {
            let file =
                convert_checkpoint(&folder.config, &folder.checkpoint, dtype, &mut |_| ()).unwrap();
            let expected = whole(&folder.config, &file).unwrap();
            for pieces in [1, 2, 97, file.len()] {
                let found = arrive(&folder.config, &file, pieces).unwrap();
                assert_eq!(found.hash(), expected.hash(), "{} {dtype:?}", model.name);
                assert_eq!(found.shape().parameters, expected.shape().parameters);
                assert_eq!(found.shape().pooler, expected.shape().pooler);
            }
        }
    }
}

#[test]
fn it_refuses_what_the_whole_file_is_refused_for() {
    for model in models() {
        let folder = ModelFolder::open(&model.files).unwrap();
        let anatomy = &folder.config;
        let convert =
            |dtype| convert_checkpoint(anatomy, &folder.checkpoint, dtype, &mut |_| ()).unwrap();
        let file = convert(Dtype::F32);
        let linear = anatomy.linear_sites().next().unwrap();
        let linear = format!("{}.weight", anatomy.linear(linear));
        let same = |file: &[u8]| {
            let told = |read: graftlet::Result<Encoder>| {
                let error = read.err().unwrap();
                (error.code(), error.to_string())
            };
            let expected = told(whole(anatomy, file));
            assert_eq!(told(arrive(anatomy, file, 5)), expected, "{}", model.name);
            expected.0
        };
        let without = |lost: &str| {
            changed(&file, |name, shape, data| {
                (name != lost).then_some((shape, data))
            })
        };
        assert_eq!(same(&without(&linear)), "tensor_missing");
        let turned = changed(&file, |name, mut shape, data| {
            if name == linear {
                shape = vec![1, data.len()];
            }
            Some((shape, data))
        });
        assert_eq!(same(&turned), "tensor_shape");
        let broken = changed(&file, |name, shape, mut data| {
            if name == linear {
                data[3] = f32::NAN;
            }
            Some((shape, data))
        });
        assert_eq!(same(&broken), "tensor_not_finite");
        let int8 = convert(Dtype::Int8);
        let code = |error: graftlet::Error| error.code();
        let cut = arrive(anatomy, &int8[..int8.len() - 1], 3);
        assert_eq!(cut.err().map(code), Some("file_truncated"));
        let empty = Arrival::new(anatomy.clone(), PLACE, 10).finish("00");
        assert_eq!(empty.err().map(code), Some("file_truncated"));
    }
}
