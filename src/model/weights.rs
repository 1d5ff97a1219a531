use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use half::f16;
use safetensors::tensor::Dtype;

use super::anatomy::Anatomy;
use super::checkpoint::Checkpoint;
use super::embedding::Rows;
use super::family::another_family;
use super::fields::unsupported;
use super::four_bit::{BLOCK, CODES, FourBit};
use super::frozen::Frozen;
use super::module_plan::ModulePlan;
use super::place::{Place, Table};
use super::weight_norm::{WEIGHT_NORM, weight_of};
use crate::error::{Error, Result};
use crate::kernels::{PackedF32, PackedInt8};
use crate::ops::{FrozenLinear, LayerNorm, Weight};
use crate::tensor::Tensor;
use crate::tensor_file::TensorFile;

/// Suffix of the tensor that holds the scales, `[rows]`, of an int8 weight `[rows, columns]`.
pub(super) const SCALE_SUFFIX: &str = "_scale";

/// The shape that the codes of an int8 weight `[rows, columns]` are stored in. It is not the weight's: a program that
/// looks for a weight under this name finds one of another shape, and none takes that without an error.
pub(super) fn codes_shape([rows, columns]: [usize; 2]) -> [usize; 3] {
    [rows, columns, 1]
}

/// Codes of 8 bits, `[out, in]`, and their scales, `[out]`.
type Codes<'a> = (Cow<'a, [i8]>, Vec<f32>);

/// The checkpoint's tensors by the names that the encoder has by itself, whatever the model around it puts
/// before them (`bert.`, `0.auto_model.`, `module.`), and under the names of the first releases of BERT.
pub(super) struct Weights<'a> {
    files: Vec<TensorFile<'a>>,
    /// Which file has a tensor, by its full name.
    places: HashMap<String, usize>,
    prefix: String,
    anatomy: Arc<Anatomy>,
}

/// The end of a tensor's name today, and in TensorFlow's checkpoints, which older ones were made of.
const LEGACY: [(&str, &str); 2] = [
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
];

/// ε of the norms behind convolutions, which no configuration changes.
const CONVOLUTION_EPSILON: f64 = 1e-5;

/// Attributes that hold the encoder in models of families that are not read here, which have BERT's names and other
/// arithmetic.
const OTHER_FAMILIES: [&str; 4] = ["xlm_roberta", "deberta", "albert", "mobilebert"];

impl<'a> Weights<'a> {
    pub(super) fn new(checkpoint: &'a Checkpoint<'a>, anatomy: &Anatomy) -> Result<Self> {
        let files = checkpoint.files.iter();
        let files = files.map(|(name, bytes)| TensorFile::open(name, bytes));
        Self::of_files(files.collect::<Result<_>>()?, Arc::new(anatomy.clone()))
    }

    /// Of the files of a checkpoint.
    pub(super) fn of_files(files: Vec<TensorFile<'a>>, anatomy: Arc<Anatomy>) -> Result<Self> {
        let mut places = HashMap::new();
        for (index, file) in files.iter().enumerate() {
            for tensor in file.names() {
                places.entry(tensor.to_owned()).or_insert(index);
            }
        }
        // the words may be there under the name of what shares their memory
        let prefix = anatomy.modules().iter().take(2).find_map(|module| {
            let name = module.weight_name();
            let prefixes = places.keys().filter_map(|full| full.strip_suffix(&name));
            prefixes
                .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
                .min_by_key(|prefix| (prefix.len(), *prefix))
        });
        let prefix = prefix.unwrap_or_default().to_owned();
        let holder = prefix.trim_end_matches('.').rsplit('.').next();
        let families = super::FAMILIES;
        if let Some(family) = holder.filter(|holder| OTHER_FAMILIES.contains(holder)) {
            return Err(another_family(families, family, None));
        }
        let own = anatomy.family;
        // an attribute that is called as its family is
        let named = families.iter().find(|family| {
            holder.is_some_and(|holder| {
                family.base == holder && family.title.eq_ignore_ascii_case(holder)
            })
        });
        if let Some(other) = named.filter(|other| other.base != own.base) {
            return Err(unsupported(format!(
                "it describes a model of {}, and the weights are those of {}; fetch both from one place",
                own.title, other.title
            )));
        }
        Ok(Self {
            files,
            places,
            prefix,
            anatomy,
        })
    }

    /// The file and full name of a tensor.
    fn locate(&self, name: &str) -> Option<(&TensorFile<'a>, String)> {
        let found = |full: String| Some((&self.files[*self.places.get(&full)?], full));
        let full = format!("{}{name}", self.prefix);
        let legacy = || {
            let (now, before) = LEGACY.iter().find(|(now, _)| full.ends_with(now))?;
            found(format!("{}{before}", full.strip_suffix(now)?))
        };
        let words = || self.anatomy.module(Place::Table(Table::Words));
        let tied = || {
            words().filter(|words| name.strip_suffix(".weight") == Some(&words.path))?;
            let tied = self.anatomy.family.tied;
            tied.iter().find_map(|tied| found((*tied).to_owned()))
        };
        // what belongs to a model with a head stands beside the encoder
        let modules = self.anatomy.modules().iter();
        let is_beside = modules
            .filter(|module| self.anatomy.is_beside(module.place))
            .any(|module| name.starts_with(&module.path));
        if is_beside && !self.prefix.is_empty() {
            return found(name.to_owned());
        }
        found(full.clone()).or_else(legacy).or_else(tied)
    }

    /// The lengths and directions that a weight is stored as, under the names of PyTorch's two ways to say it.
    fn normed(&self, name: &str) -> Option<[(&TensorFile<'a>, String); 2]> {
        let path = name.strip_suffix(".weight")?;
        WEIGHT_NORM.into_iter().find_map(|[lengths, directions]| {
            let lengths = self.locate(&format!("{path}{lengths}"))?;
            Some([lengths, self.locate(&format!("{path}{directions}"))?])
        })
    }

    fn need(&self, name: &str) -> Result<(&TensorFile<'a>, String)> {
        self.locate(name).ok_or_else(|| self.absent(name))
    }

    fn absent(&self, name: &str) -> Error {
        Error::TensorMissing {
            place: self.place(),
            tensor: format!("{}{name}", self.prefix),
        }
    }

    /// That the weight of a module is not there.
    pub(super) fn missing(&self, path: &str) -> Error {
        self.absent(&format!("{path}.weight"))
    }

    /// The modules that the checkpoint has: all but optional ones that it lacks.
    pub(super) fn modules(&self) -> impl Iterator<Item = &ModulePlan> {
        let has_pooler = self
            .anatomy
            .modules()
            .iter()
            .all(|module| !module.is_optional() || self.contains(&module.weight_name()));
        let modules = self.anatomy.modules().iter();
        modules.filter(move |module| has_pooler || !module.is_optional())
    }

    /// The full names of the tensors that a module is built of, those that there are.
    pub(super) fn needed_by(&self, module: &ModulePlan) -> Vec<String> {
        let mut names = Vec::new();
        for tensor in module.tensors() {
            let Some((file, full)) = self.locate(&tensor.name) else {
                let parts = self.normed(&tensor.name).into_iter().flatten();
                names.extend(parts.map(|(_, full)| full));
                continue;
            };
            let scale = format!("{full}{SCALE_SUFFIX}");
            names.extend(file.contains(&scale).then_some(scale));
            names.push(full);
        }
        names
    }

    /// The bytes of a tensor that has arrived; without bytes it is let go.
    pub(super) fn put(&mut self, full: &str, bytes: Vec<u8>) {
        if let Some(&index) = self.places.get(full) {
            self.files[index].put(full, bytes);
        }
    }

    /// Builds a module.
    pub(super) fn build(&self, module: &ModulePlan, into: &mut Frozen) -> Result<()> {
        match (module.place, module.shape.as_slice()) {
            (Place::Table(table), [.., width]) => {
                let embedding = Arc::new(self.embedding(module, *width)?);
                into.tables.insert(table, embedding);
            }
            (Place::Scale(site), &[width]) => {
                let scale = self.floats(&module.weight_name(), &[width])?;
                into.scales.insert(site, Tensor::new(scale, &[width]));
            }
            (Place::Linear(site), _) => {
                into.linears.insert(site, self.linear(module)?);
            }
            (Place::Attending(layer), _) => {
                into.attending.insert(layer, self.linear(module)?);
            }
            (Place::Convolution(index), _) => {
                into.convolutions.insert(index, self.groups(module)?);
            }
            (Place::Norm(site), _) => {
                let norm = self.layer_norm(module, self.anatomy.norm_eps)?;
                into.norms.insert(site, norm);
            }
            (Place::ConvolutionNorm(index), _) => {
                let norm = self.layer_norm(module, CONVOLUTION_EPSILON)?;
                into.convolution_norms.insert(index, norm);
            }
            _ => {}
        }
        Ok(())
    }

    /// The checkpoint's name in errors: that of its file, or of its shards.
    fn place(&self) -> String {
        let names = self.files.iter().map(TensorFile::place);
        names.collect::<Vec<_>>().join(", ")
    }

    fn has(&self, name: &str) -> bool {
        self.locate(name).is_some()
    }

    /// Whether there is a tensor, or what it is made of.
    fn contains(&self, name: &str) -> bool {
        self.has(name) || self.normed(name).is_some()
    }

    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if !self.has(name)
            && let Some([lengths, directions]) = self.normed(name)
        {
            let taps = shape.last().copied().unwrap_or_default();
            let lengths = lengths.0.floats(&lengths.1, &[1, 1, taps])?;
            let directions = directions.0.floats(&directions.1, shape)?;
            return Ok(weight_of(&lengths, directions));
        }
        let (file, full) = self.need(name)?;
        if matches!(file.info(&full)?.1, Dtype::I8 | Dtype::U8) {
            return Err(Error::FileInvalid {
                place: file.place().to_owned(),
                reason: format!(
                    "tensor \"{full}\" holds codes of 8 or 4 bits, as in a folder that graftlet converted; start from the folder that it was converted from"
                ),
            });
        }
        file.floats(&full, shape)
    }

    fn int8(&self, name: &str, shape: [usize; 2]) -> Result<Option<Codes<'_>>> {
        let Some((file, full)) = self.locate(name) else {
            return Ok(None);
        };
        if file.info(&full)?.1 != Dtype::I8 {
            return Ok(None);
        }
        let scales = file.floats(&format!("{full}{SCALE_SUFFIX}"), &shape[..1])?;
        // earlier versions wrote codes in the shape of weights
        let codes = match file.info(&full)?.0.len() {
            2 => file.int8(&full, &shape)?,
            _ => file.int8(&full, &codes_shape(shape))?,
        };
        Ok(Some((codes, scales)))
    }

    fn four_bit(&self, name: &str, [rows, columns]: [usize; 2]) -> Result<Option<FourBit>> {
        let Some((file, full)) = self.locate(name) else {
            return Ok(None);
        };
        if file.info(&full)?.1 != Dtype::U8 {
            return Ok(None);
        }
        let blocks = columns.div_ceil(BLOCK);
        let scales = file.floats(&format!("{full}{SCALE_SUFFIX}"), &[rows, blocks])?;
        let scales = scales.into_iter().map(f16::from_f32).collect();
        let codes = file.uint8(&full, &[rows, blocks, CODES])?;
        Ok(Some(FourBit::new(columns, codes, scales)))
    }

    /// A layer of one group, see [`groups`](Self::groups).
    fn linear(&self, module: &ModulePlan) -> Result<FrozenLinear> {
        let layer = self.groups(module)?.pop();
        layer.ok_or_else(|| self.missing(&module.path))
    }

    /// The weight `[out, in]`, or `[out, channels, kernel…]` of a convolution, and the bias `[out]`, cut into the groups of
    /// the outputs.
    fn groups(&self, module: &ModulePlan) -> Result<Vec<FrozenLinear>> {
        let weights = self.group_weights(module)?;
        let output = module.shape[0];
        let bias = match module.bias {
            true => Some(self.floats(&module.bias_name(), &[output])?),
            false => None,
        };
        let rows = output / module.groups;
        let groups = weights.into_iter().enumerate();
        let groups = groups.map(|(group, weight)| {
            let own = bias.as_ref();
            let own = own.map(|bias| bias[group * rows..(group + 1) * rows].to_vec());
            FrozenLinear::new(weight, own)
        });
        Ok(groups.collect())
    }

    fn group_weights(&self, module: &ModulePlan) -> Result<Vec<Weight>> {
        let (name, stored) = (module.weight_name(), &module.shape);
        let (output, input) = (stored[0], stored[1..].iter().product());
        let shape = [output, input];
        let rows = output / module.groups;
        let of_floats = |data: &[f32]| {
            let groups = data.chunks_exact(rows * input);
            groups
                .map(|own| Weight::F32(PackedF32::pack(own, rows, input)))
                .collect()
        };
        // with 8 bits a row the cosines of multilingual-e5-small would be off by 3e-3
        if let Some(rows) = self.four_bit(&name, shape)? {
            return Ok(of_floats(&rows.dequantized()));
        }
        let Some((data, scales)) = self.int8(&name, shape)? else {
            return Ok(of_floats(&self.floats(&name, stored)?));
        };
        if input > PackedInt8::MAX_IN {
            return Err(Error::UnsupportedFeature {
                place: self.place(),
                feature: format!("int8 tensor \"{name}\" with {input} inputs"),
            });
        }
        let groups = data
            .chunks_exact(rows * input)
            .zip(scales.chunks_exact(rows));
        let groups =
            groups.map(|(data, scales)| Weight::Int8(PackedInt8::pack(data, scales, rows, input)));
        Ok(groups.collect())
    }

    /// Scale and shift, each `[width]`.
    fn layer_norm(&self, module: &ModulePlan, epsilon: f64) -> Result<LayerNorm> {
        let gamma = self.floats(&module.weight_name(), &module.shape)?;
        let beta = match module.bias {
            true => self.floats(&module.bias_name(), &module.shape)?,
            false => vec![0.0; gamma.len()],
        };
        #[allow(clippy::cast_possible_truncation)]
        Ok(LayerNorm::new(gamma, beta, epsilon as f32))
    }

    /// The weight `[rows, width]`, or `[1, rows, width]`.
    fn embedding(&self, module: &ModulePlan, width: usize) -> Result<Rows> {
        let name = module.weight_name();
        let rows = module.shape.iter().product::<usize>() / width.max(1);
        if let Some(rows) = self.four_bit(&name, [rows, width])? {
            return Ok(Rows::FourBit(rows));
        }
        Ok(match self.int8(&name, [rows, width])? {
            Some((data, scales)) => Rows::Int8 {
                width,
                data: data.into_owned(),
                scales,
            },
            None => Rows::F32 {
                width,
                data: self.floats(&name, &module.shape)?,
            },
        })
    }
}
