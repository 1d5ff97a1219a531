use super::place::{LinearSite, NormSite, Place, Table};

/// A module with weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModulePlan {
    /// What it is.
    pub place: Place,
    /// Path below the encoder. Its tensors are `{path}.weight` and `{path}.bias`.
    pub path: String,
    /// Shape of the weight: `[out, in]`, `[rows, width]`, `[width]`.
    pub shape: Vec<usize>,
    /// Whether it has a bias, `[out]` or `[width]`.
    pub bias: bool,
    /// Whether an int8 backbone stores the weight in 8 bits.
    pub quantized: bool,
    /// What follows the path in the names of the weight and of the bias. Nothing in that of a parameter of the module
    /// above it.
    pub endings: [&'static str; 2],
    /// How many parts its outputs fall into, of which each sees its own part of the inputs.
    pub groups: usize,
    /// Whether transformers stores the weight as lengths and directions (Salimans and Kingma 2016).
    pub weight_norm: bool,
}

/// The usual ends of names.
const ENDINGS: [&str; 2] = [".weight", ".bias"];

/// A tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorPlan {
    /// Its name, without what stands before the encoder's.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether a quantised backbone stores it in fewer bits.
    pub quantized: bool,
}

impl ModulePlan {
    /// Whether a checkpoint may lack it.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(
            self.place,
            Place::Linear(LinearSite::POOLER)
                | Place::Norm(NormSite::Pooler)
                | Place::Table(Table::Probe)
                | Place::Attending(_)
        )
    }

    /// Name of its weight's tensor.
    #[must_use]
    pub fn weight_name(&self) -> String {
        format!("{}{}", self.path, self.endings[0])
    }

    /// Name of its bias's tensor.
    #[must_use]
    pub fn bias_name(&self) -> String {
        format!("{}{}", self.path, self.endings[1])
    }

    /// One with a weight of this shape and nothing else.
    #[must_use]
    pub fn new(place: Place, path: &str, shape: &[usize]) -> Self {
        Self {
            place,
            path: path.to_owned(),
            shape: shape.to_vec(),
            bias: false,
            quantized: false,
            endings: ENDINGS,
            groups: 1,
            weight_norm: false,
        }
    }

    /// Its tensors: the weight, and the bias if there is one.
    pub fn tensors(&self) -> impl Iterator<Item = TensorPlan> {
        let weight = TensorPlan {
            name: self.weight_name(),
            shape: self.shape.clone(),
            quantized: self.quantized,
        };
        let bias = self.bias.then(|| TensorPlan {
            name: self.bias_name(),
            shape: self.shape[..1].to_vec(),
            quantized: false,
        });
        std::iter::once(weight).chain(bias)
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let bias = if self.bias { self.shape[0] } else { 0 };
        self.shape.iter().product::<usize>() + bias
    }
}
