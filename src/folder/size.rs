//! The size of the model that a folder's tensors were made for.

use super::peft_keys::is_below;
use crate::error::{Error, Result};
use crate::model::Shape;
use crate::order::Sorted;
use crate::tensor_file::TensorFile;

/// Refuses an adapter whose tensors show that it was made for a model of another size.
/// `all_layers`: whether the configuration says that every layer has tensors.
pub(super) fn check_size(
    adapter: &str,
    file: &TensorFile<'_>,
    shape: &Shape,
    all_layers: bool,
) -> Result<()> {
    let mismatch = |property, expected: usize, found: usize| {
        Err(Error::BackboneMismatch {
            adapter: adapter.to_owned(),
            property,
            expected: expected.to_string(),
            found: found.to_string(),
        })
    };
    let Extent { layers, matrices } = Extent::of(file, shape.anatomy.family.sibling)?;
    let widths = shape
        .linear_sites()
        .map(|site| shape.linear_features(site))
        .flat_map(|(input, output)| [input, output])
        .into_set();
    let fits = |dims: &Vec<usize>| dims.iter().any(|width| widths.contains(width));
    if let Some(dims) = matrices.iter().min()
        && !matrices.iter().any(fits)
    {
        let found = dims.iter().copied().max().unwrap_or_default();
        return mismatch("hidden size", shape.hidden_size, found);
    }
    let own = numbered_layers(shape);
    if layers > own || (all_layers && layers > 0 && layers < own) {
        return mismatch("number of layers", own, layers);
    }
    Ok(())
}

/// One more than the highest number that a layer has in the model's own names. Two encoders count each from 0.
fn numbered_layers(shape: &Shape) -> usize {
    let paths = shape.linear_sites().map(|site| shape.anatomy.linear(site));
    let layers = paths.filter_map(|path| layer_of(&path)).max();
    layers.map_or(shape.layers, |last| last + 1)
}

/// What the tensors beside a backbone's layers say of its size.
pub(super) struct Extent {
    /// One more than the highest layer that a key names.
    pub(super) layers: usize,
    /// The shapes of the matrices.
    pub(super) matrices: Vec<Vec<usize>>,
}

impl Extent {
    /// Of a file without what is below these attributes.
    pub(super) fn of(file: &TensorFile<'_>, sibling: &[&str]) -> Result<Self> {
        let (mut layers, mut matrices) = (0, Vec::new());
        // the linear layer outside of the layers, by its name in each family
        for key in file.names().filter(|key| !is_below(key, sibling)) {
            match layer_of(key) {
                Some(layer) => layers = layers.max(layer + 1),
                None if OUTSIDE.iter().any(|path| key.contains(path)) => {}
                None => continue,
            }
            let (dims, _) = file.info(key)?;
            if dims.len() == 2 {
                matrices.push(dims);
            }
        }
        Ok(Self { layers, matrices })
    }
}

/// Linear layers outside of the blocks that read and give hidden states, in all families.
const OUTSIDE: [&str; 2] = ["pooler.dense.", "head.dense."];

/// No encoder has as many; a damaged key must not ask for any amount of memory.
pub(super) const MAX_LAYERS: usize = 1 << 10;

/// The layer in a key such as `…encoder.layer.3.attention…`.
fn layer_of(key: &str) -> Option<usize> {
    let mut parts = key.split('.');
    parts.find(|part| *part == "layer" || *part == "layers")?;
    parts
        .next()?
        .parse()
        .ok()
        .filter(|&layer| layer < MAX_LAYERS)
}
