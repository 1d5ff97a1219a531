use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::order::alphabetical;
use crate::tensor_file::TensorFile;

/// The files of a checkpoint in memory: one, or the shards of one.
pub struct Checkpoint<'a> {
    pub(super) files: Vec<(String, Cow<'a, [u8]>)>,
}

impl<'a> Checkpoint<'a> {
    /// Files by name, in the order of their names. A name that ends in `.bin` is PyTorch's, any other
    /// safetensors.
    #[must_use]
    pub fn new(mut files: Vec<(String, Cow<'a, [u8]>)>) -> Self {
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let order = alphabetical(&names).into_iter();
        Self {
            files: order
                .map(|place| std::mem::take(&mut files[place]))
                .collect(),
        }
    }

    /// The one safetensors file `model.safetensors`.
    #[must_use]
    pub fn single(bytes: &'a [u8]) -> Self {
        Self::new(vec![("model.safetensors".into(), bytes.into())])
    }

    /// A tensor of one number, if there is one of that name.
    pub(super) fn number(&self, name: &str) -> Option<f32> {
        let files = self.files.iter();
        let mut files = files.filter_map(|(file, bytes)| TensorFile::open(file, bytes).ok());
        files.find_map(|file| {
            let (shape, _) = file.info(name).ok()?;
            let numbers = file.floats(name, &shape).ok()?;
            (numbers.len() == 1).then(|| numbers[0])
        })
    }

    /// The SHA-256 of its bytes, one file after the other, in hexadecimal: what identifies a backbone.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (_, bytes) in &self.files {
            // in chunks, because browsers replace a function with faster code only between two calls
            for part in bytes.chunks(1 << 16) {
                hash.update(part);
            }
        }
        hex::encode(hash.finalize())
    }
}
