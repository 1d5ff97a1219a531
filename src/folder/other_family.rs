//! Whether an adapter of PEFT's is for another model family.

use crate::error::{Error, Result};
use crate::model::{FAMILIES, Family, Shape};
use crate::tensor_file::TensorFile;

/// Attributes of ModernBERT's and Whisper's encoders that models of other families and libraries have as well.
const COMMON_BASES: [&str; 2] = ["model", "encoder"];

/// Refuses an adapter of PEFT's that was trained on a model of another family.
///
/// # Errors
/// [`Error::BackboneMismatch`] if the paths of modules begin with the name of another family's encoder.
pub(super) fn other_family(name: &str, file: &TensorFile<'_>, shape: &Shape) -> Result<()> {
    let own = shape.anatomy.base();
    let family_of = |key: &str| {
        let base = key.strip_prefix("base_model.model.")?.split('.').next()?;
        if shape.anatomy.family.sibling.contains(&base) {
            return None;
        }
        let is_it = |family: &&&Family| family.base == base;
        (base != own && !COMMON_BASES.contains(&base)).then(|| FAMILIES.iter().find(is_it))?
    };
    match file.names().find_map(family_of) {
        None => Ok(()),
        Some(family) => Err(Error::BackboneMismatch {
            adapter: name.to_owned(),
            property: "model type",
            expected: shape.anatomy.family.model_type.to_owned(),
            found: family.model_type.to_owned(),
        }),
    }
}
