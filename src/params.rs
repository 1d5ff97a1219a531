//! Floor 3: parameters that train, where they act, and where their values come from.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::model::{LinearSite, NormSite, SublayerSite};
use crate::tensor::Tensor;
use crate::tensor_file::TensorFile;

/// The module of the backbone that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// A linear layer.
    Linear(LinearSite),
    /// A layer norm.
    Norm(NormSite),
    /// A half block.
    Sublayer(SublayerSite),
    /// The encoder as a whole.
    Encoder,
    /// The head behind the backbone.
    Head,
}

/// A parameter's identity, independent of any file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamName {
    /// Where it acts.
    pub site: Site,
    /// What it is there: "lora_a", "down.weight", …
    pub field: &'static str,
}

/// How a parameter starts out.
#[derive(Clone, Copy, Debug)]
pub enum Init {
    /// All zero.
    Zeros,
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// Uniform in `-bound..bound`.
    Uniform(f32),
}

/// A trainable tensor of an adapter or head.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its identity.
    pub name: ParamName,
    /// Its value; a variable if it came from [`FreshParams`].
    pub tensor: Tensor,
}

/// Where an adapter gets its tensors from while it is built.
pub trait ParamSource {
    /// The tensor of that name, which must have that shape.
    ///
    /// # Errors
    /// If it is missing, misshapen or not finite.
    fn get(&mut self, name: ParamName, shape: &[usize], init: Init) -> Result<Tensor>;

    /// As [`get`](Self::get), of a parameter that starts out with these values.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    fn get_from(&mut self, name: ParamName, start: &Tensor) -> Result<Tensor> {
        self.get(name, start.shape(), Init::Zeros)
    }

    /// Whether the source has a tensor of that name.
    fn has(&self, _name: ParamName) -> bool {
        true
    }
}

/// Takes tensors from a source and remembers them, in order: what an adapter or head is built with.
pub struct Collector<'a> {
    source: &'a mut dyn ParamSource,
    parameters: Vec<Parameter>,
}

impl<'a> Collector<'a> {
    /// Nothing taken yet.
    pub fn new(source: &'a mut dyn ParamSource) -> Self {
        Self {
            source,
            parameters: Vec::new(),
        }
    }

    /// Takes a tensor.
    ///
    /// # Errors
    /// Those of the source.
    pub fn get(
        &mut self,
        site: Site,
        field: &'static str,
        shape: &[usize],
        init: Init,
    ) -> Result<Tensor> {
        let name = ParamName { site, field };
        let tensor = self.source.get(name, shape, init)?;
        self.parameters.push(Parameter {
            name,
            tensor: tensor.clone(),
        });
        Ok(tensor)
    }

    /// As [`get`](Self::get), of a parameter that starts out with these values.
    ///
    /// # Errors
    /// Those of the source.
    pub fn get_from(&mut self, site: Site, field: &'static str, start: &Tensor) -> Result<Tensor> {
        let name = ParamName { site, field };
        let tensor = self.source.get_from(name, start)?;
        self.parameters.push(Parameter {
            name,
            tensor: tensor.clone(),
        });
        Ok(tensor)
    }

    /// Whether the source has such a tensor.
    #[must_use]
    pub fn has(&self, site: Site, field: &'static str) -> bool {
        self.source.has(ParamName { site, field })
    }

    /// What was taken.
    #[must_use]
    pub fn into_parameters(self) -> Vec<Parameter> {
        self.parameters
    }
}

/// Initialises parameters as variables, for training. The same seed gives the same values.
pub struct FreshParams {
    rng: ChaCha8Rng,
}

impl FreshParams {
    /// Starts from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }
}

impl ParamSource for FreshParams {
    fn get(&mut self, _name: ParamName, shape: &[usize], init: Init) -> Result<Tensor> {
        let count = shape.iter().product();
        let rng = &mut self.rng;
        let data: Vec<f32> = match init {
            Init::Zeros => vec![0.0; count],
            Init::Normal(deviation) => (0..count).map(|_| normal(rng) * deviation).collect(),
            Init::Uniform(bound) => (0..count)
                .map(|_| rng.random_range(-bound..bound))
                .collect(),
        };
        Ok(Tensor::variable(data, shape))
    }

    fn get_from(&mut self, _name: ParamName, start: &Tensor) -> Result<Tensor> {
        Ok(start.tracked())
    }
}

/// A standard normal deviate by the Box-Muller transform.
fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

/// Takes parameters out of a file, as constants.
pub struct FileParams<'a> {
    file: &'a TensorFile<'a>,
    key: &'a dyn Fn(ParamName) -> String,
    flat: Option<Site>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> FileParams<'a> {
    /// `key` gives the file's key of a parameter.
    pub fn new(file: &'a TensorFile<'a>, key: &'a dyn Fn(ParamName) -> String) -> Self {
        Self {
            file,
            key,
            flat: None,
            used: RefCell::default(),
        }
    }

    /// Tensors of this site may also be stored with one axis, row after row.
    #[must_use]
    pub fn flat_at(self, site: Site) -> Self {
        Self {
            flat: Some(site),
            ..self
        }
    }

    /// Passes over a tensor that says nothing new.
    pub fn ignore(&self, key: &str) {
        self.used.borrow_mut().insert(key.to_owned());
    }

    /// Fails if the file holds a tensor that was not asked for: whatever it does would be lost.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] that names the first such tensor.
    pub fn finish(self) -> Result<()> {
        let used = self.used.into_inner();
        let unused = self.file.names().filter(|name| !used.contains(*name));
        match unused.min() {
            None => Ok(()),
            Some(name) => Err(Error::UnsupportedFeature {
                place: self.file.place().to_owned(),
                feature: format!("tensor \"{name}\", for which the configuration has no place,"),
            }),
        }
    }
}

impl ParamSource for FileParams<'_> {
    fn get(&mut self, name: ParamName, shape: &[usize], _init: Init) -> Result<Tensor> {
        let key = (self.key)(name);
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let flat = [count.unwrap_or(usize::MAX)];
        let stored = match self.file.info(&key) {
            Ok((found, _)) if self.flat == Some(name.site) && found == flat => &flat[..],
            _ => shape,
        };
        let data = self.file.floats(&key, stored)?;
        self.used.borrow_mut().insert(key);
        Ok(Tensor::new(data, shape))
    }

    fn has(&self, name: ParamName) -> bool {
        self.file.contains(&(self.key)(name))
    }
}

/// Gives out the tensors of a list as they are: an optimizer's variables become an adapter again, a
/// trained adapter one that is only used.
pub struct GivenParams<'a>(pub &'a [Parameter]);

impl ParamSource for GivenParams<'_> {
    fn get(&mut self, name: ParamName, shape: &[usize], _init: Init) -> Result<Tensor> {
        match self.0.iter().find(|parameter| parameter.name == name) {
            Some(found) if found.tensor.shape() == shape => Ok(found.tensor.clone()),
            _ => Err(Error::TensorMissing {
                place: "list of parameters".into(),
                tensor: format!("{name:?}"),
            }),
        }
    }

    fn has(&self, name: ParamName) -> bool {
        self.0.iter().any(|parameter| parameter.name == name)
    }
}

/// [`GivenParams`] for a list that is asked for in its own order, over and over: an adapter and a head are built again
/// after each step of an optimizer. The search begins behind the tensor that was given out last, so in that order it
/// finds each at once; in any other order it finds it too.
pub struct ParamsInOrder<'a> {
    parameters: &'a [Parameter],
    next: usize,
}

impl<'a> ParamsInOrder<'a> {
    /// Begins at the first.
    #[must_use]
    pub fn new(parameters: &'a [Parameter]) -> Self {
        let next = 0;
        Self { parameters, next }
    }

    fn find(&self, name: ParamName) -> Option<usize> {
        let mut order = (self.next..self.parameters.len()).chain(0..self.next);
        order.find(|&index| self.parameters[index].name == name)
    }
}

impl ParamSource for ParamsInOrder<'_> {
    fn get(&mut self, name: ParamName, shape: &[usize], init: Init) -> Result<Tensor> {
        let found = self.find(name).unwrap_or(self.next);
        let tensor = GivenParams(&self.parameters[found..]).get(name, shape, init)?;
        self.next = found + 1;
        Ok(tensor)
    }

    fn has(&self, name: ParamName) -> bool {
        self.find(name).is_some()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_their_order_and_in_any_other() {
        let name = |field| ParamName {
            site: Site::Encoder,
            field,
        };
        let fields = ["a", "b", "c"];
        let parameter = |(index, field): (usize, &&'static str)| Parameter {
            name: name(field),
            tensor: Tensor::new(vec![0.0; index + 1], &[index + 1]),
        };
        let parameters: Vec<Parameter> = fields.iter().enumerate().map(parameter).collect();
        for order in [[0, 1, 2], [0, 2, 1], [2, 1, 0], [1, 1, 1]] {
            let mut source = ParamsInOrder::new(&parameters);
            for index in order {
                assert!(source.has(name(fields[index])));
                let shape = [index + 1];
                let tensor = source.get(name(fields[index]), &shape, Init::Zeros);
                assert_eq!(tensor.unwrap().shape(), shape, "{order:?}");
            }
            assert!(!source.has(name("d")));
            for (field, shape) in [("d", [1]), ("a", [2]), ("c", [1])] {
                let refused = source.get(name(field), &shape, Init::Zeros);
                assert_eq!(refused.err().unwrap().code(), "tensor_missing");
            }
        }
        assert!(!ParamsInOrder::new(&[]).has(name("a")));
    }
}
