use super::peft_keys::is_below;
use super::{
    CONFIG, Extent, Files, Library, MAX_LAYERS, TaskAdapter, adapterhub, listed, load, open,
    parse_object, peft, read_card,
};
use crate::adapter::dialect::Fields;
use crate::error::Result;
use crate::model::{Anatomy, FAMILIES, Family, Linear, LinearSite, Shape};
use crate::tensor_file::TensorFile;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Reads an adapter's folder without a backbone, for a look at it: the sizes that a backbone would
/// have to have are taken from the files.
///
/// # Errors
/// Those of [`load`].
pub fn inspect(name: &str, files: &Files) -> Result<(TaskAdapter, Shape)> {
    let files = &*listed(name, files)?;
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
    let file = open(name, files, weights)?;
    let Extent { layers, matrices } = Extent::of(&file, sibling(&file))?;
    let widths: Vec<usize> = matrices
        .into_iter()
        .flat_map(|dims| dims.into_iter().max())
        .collect();
    // virtual tokens stand beside no layer, so PEFT's configuration says their width; every matrix of
    // another adapter has the width of the layer it stands beside
    let said = ["hidden_size", "token_dim"];
    let hidden_size = match said.into_iter().find(|&field| fields.get(field).is_some()) {
        Some(field) => fields.count(field, None)?,
        None => widths.iter().copied().min().unwrap_or(1),
    };
    if hidden_size == 0 || hidden_size > MAX_HIDDEN_SIZE {
        return Err(fields.invalid(&format!("the hidden size is {hidden_size}")));
    }
    let layers = match layers {
        0 => prefix_layers(&fields, &file, hidden_size)?,
        _ => layers,
    };
    let widest = widths.iter().copied().max().unwrap_or(hidden_size);
    let card = read_card(files)?;
    let model_type: Option<String> = fields.parse("model_type", Some(None))?;
    let sketch = sketch(&file, model_type.as_deref(), hidden_size, layers)?;
    let intermediate_size = match widened(&file, layers, &sketch)? {
        Some(width) => width,
        None if widest > hidden_size => widest,
        None => 4 * hidden_size,
    };
    let anatomy = sketch
        .family
        .sketch(hidden_size, layers, intermediate_size)?;
    let named = ["base_model_name_or_path", "model_name"];
    let model = named
        .iter()
        .find_map(|field| fields.get(field)?.as_str())
        .unwrap_or_default();
    Ok(Shape {
        name: model.to_owned(),
        layers,
        max_tokens: 0,
        fingerprint: card
            .backbone
            .map(|backbone| backbone.fingerprint)
            .unwrap_or_default(),
        ..Shape::of(Arc::new(anatomy))
    })
}

/// The attributes of the other encoder, in the file of a model with two: the first of the families that it has modules of
/// counts.
fn sibling(file: &TensorFile<'_>) -> &'static [&'static str] {
    let is_there = |family: &&&Family| {
        !family.sibling.is_empty() && file.names().any(|key| is_below(key, &[family.base]))
    };
    let family = FAMILIES.iter().find(is_there);
    family.map_or(&[], |family| family.sibling)
}

/// A model of the family that the files speak of: the one that they name, else the one whose modules the most keys are
/// of. Of families that share their names, the first.
fn sketch(
    file: &TensorFile<'_>,
    model_type: Option<&str>,
    hidden_size: usize,
    layers: usize,
) -> Result<Anatomy> {
    let sketch = |family: &&'static Family| family.sketch(hidden_size, layers, 4 * hidden_size);
    if let Some(family) = FAMILIES
        .iter()
        .find(|family| model_type == Some(family.model_type))
    {
        return sketch(family);
    }
    let fitting = |anatomy: &Anatomy| -> usize {
        let paths: Vec<String> = anatomy
            .linear_sites()
            .map(|site| anatomy.linear(site))
            .collect();
        // each part of a module's own path counts, and that it stands below the family's attribute counts again: what
        // one family calls its encoder is a part of the path in another
        let points = |key: &str| {
            let key = format!(".{key}");
            let path = paths.iter().find(|path| key.contains(&format!(".{path}.")));
            path.map_or(0, |path| {
                let is_below = key.contains(&format!(".{}.{path}.", anatomy.base()));
                path.split('.').count() + usize::from(is_below)
            })
        };
        file.names().map(points).sum()
    };
    let mut best: Option<(usize, Anatomy)> = None;
    for anatomy in FAMILIES.iter().filter_map(|family| sketch(family).ok()) {
        let count = fitting(&anatomy);
        if best.as_ref().is_none_or(|(most, _)| count > *most) {
            best = Some((count, anatomy));
        }
    }
    match best {
        Some((_, anatomy)) => Ok(anatomy),
        None => sketch(&FAMILIES[0]),
    }
}

/// Width inside the feed-forward network, if the file holds the bias of a layer that widens to it.
fn widened(file: &TensorFile<'_>, layers: usize, anatomy: &Anatomy) -> Result<Option<usize>> {
    let linear = Linear::FfnUp;
    for layer in 0..layers {
        let path = anatomy.linear(LinearSite::new(layer, linear));
        for ending in ["bias", "base_layer.bias"] {
            let ending = format!("{path}.{ending}");
            if let Some(key) = file.names().find(|key| key.ends_with(&ending)) {
                return Ok(file
                    .info(key)?
                    .0
                    .first()
                    .copied()
                    .filter(|&width| width > 0));
            }
        }
    }
    Ok(None)
}

/// The layers that virtual tokens were made for: PEFT's configuration says so, with AdapterHub it
/// follows from the length of a prefix.
fn prefix_layers(fields: &Fields<'_>, file: &TensorFile<'_>, hidden_size: usize) -> Result<usize> {
    if fields.get("num_layers").is_some() {
        return Ok(fields.count("num_layers", None)?.min(MAX_LAYERS));
    }
    let inner: Map<String, Value> = fields.parse("config", Some(Map::new()))?;
    let settings = Fields::new(CONFIG, &inner);
    let length = settings.count("prefix_length", Some(1))?;
    // they have no part of the matrix
    let left_out = settings.counts("leave_out")?.len();
    let is_prefix =
        |key: &&str| key.ends_with(".control_trans") || key.ends_with(".control_trans.2.bias");
    let Some(key) = file.names().find(is_prefix) else {
        return Ok(0);
    };
    let rows = if key.ends_with(".bias") { 1 } else { length };
    let layer = rows.saturating_mul(2).saturating_mul(hidden_size).max(1);
    let (dims, _) = file.info(key)?;
    let adapted = dims.into_iter().next().unwrap_or_default() / layer;
    Ok(adapted.saturating_add(left_out).min(MAX_LAYERS))
}
