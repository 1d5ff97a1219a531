use super::{
    CONFIG, Extent, Fields, Files, Library, adapterhub, load, parse_object, peft, read_card,
};
use crate::adapter::TaskAdapter;
use crate::backbone::{FAMILIES, Shape};
use crate::error::Result;
use crate::tensor_file::TensorFile;

/// Reads an adapter's folder without a backbone, for a look at it: the sizes that a backbone would
/// have to have are taken from the files.
///
/// # Errors
/// Those of [`load`].
pub fn inspect(name: &str, files: &Files) -> Result<(TaskAdapter, Shape)> {
    let shape = needed_shape(name, files)?;
    Ok((load(name, files, &shape)?, shape))
}

/// No encoder is as wide; a damaged file must not make sizes overflow.
const MAX_HIDDEN_SIZE: usize = 1 << 20;

/// The smallest backbone that the files fit.
fn needed_shape(name: &str, files: &Files) -> Result<Shape> {
    let config = super::need(name, files, CONFIG, "an adapter's folder has one")?;
    let map = parse_object(CONFIG, config)?;
    let fields = Fields::new(CONFIG, &map);
    let weights = match Library::detect(config)? {
        Library::Peft => peft::WEIGHTS,
        Library::AdapterHub => adapterhub::WEIGHTS,
    };
    let bytes = super::need(name, files, weights, "save it with safetensors")?;
    let file = TensorFile::parse(weights, bytes)?;
    let Extent { layers, matrices } = Extent::of(&file)?;
    let widths: Vec<usize> = matrices
        .into_iter()
        .flat_map(|dims| dims.into_iter().max())
        .collect();
    // every matrix of an adapter has the width of the layer it stands beside
    let hidden_size = match fields.get("hidden_size") {
        Some(_) => fields.count("hidden_size", None)?,
        None => widths.iter().copied().min().unwrap_or(1),
    };
    if hidden_size == 0 || hidden_size > MAX_HIDDEN_SIZE {
        return Err(fields.invalid(&format!("the hidden size is {hidden_size}")));
    }
    let widest = widths.iter().copied().max().unwrap_or(hidden_size);
    let card = read_card(files)?;
    let model_type: Option<String> = fields.parse("model_type", Some(None))?;
    let family = FAMILIES
        .iter()
        .find(|f| model_type.as_deref() == Some(f.model_type()));
    let named = ["base_model_name_or_path", "model_name"];
    let model = named
        .iter()
        .find_map(|field| fields.get(field)?.as_str())
        .unwrap_or("unknown");
    Ok(Shape {
        name: model.to_owned(),
        hidden_size,
        layers,
        heads: 1,
        intermediate_size: if widest > hidden_size {
            widest
        } else {
            4 * hidden_size
        },
        max_tokens: 0,
        pooler: true,
        parameters: 0,
        fingerprint: card
            .backbone
            .map(|backbone| backbone.fingerprint)
            .unwrap_or_default(),
        modules: *family.unwrap_or(&FAMILIES[0]),
    })
}
