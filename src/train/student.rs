use half::f16;

use crate::adapter::{Adapter, Config, Parameter};
use crate::error::Result;
use crate::folder::{Card, Library, TaskAdapter};
use crate::head::{Head, HeadConfig, Unit};
use crate::kernels;
use crate::model::Shape;
use crate::params::ParamsInOrder;
use crate::tensor::Gradients;
use crate::tensor_file::FloatType;

/// What is being trained: settings, and the variables that make an adapter and a head of them.
pub(super) struct Student {
    pub(super) config: Box<dyn Config>,
    pub(super) head: HeadConfig,
    /// The adapter's, then the head's.
    pub(super) parameters: Vec<Parameter>,
}

impl Student {
    /// Adapter and head over the parameters as they are now.
    pub(super) fn build(&self, shape: &Shape) -> Result<(Box<dyn Adapter>, Head)> {
        let mut source = ParamsInOrder::new(&self.parameters);
        let adapter = self.config.build(shape, &mut source)?;
        Ok((adapter, Head::build(self.head.clone(), shape, &mut source)?))
    }

    /// Both as an adapter that answers while it is still in training.
    pub(super) fn task(&self, shape: &Shape) -> Result<TaskAdapter> {
        let (adapter, head) = self.build(shape)?;
        Ok(TaskAdapter {
            adapter,
            head: Some(head),
            card: Card::default(),
            library: Library::Peft,
            original: None,
            float: FloatType::F32,
            bytes: 0,
        })
    }

    /// Number of trained numbers.
    pub(super) fn len(&self) -> usize {
        self.parameters.iter().map(|p| p.tensor.len()).sum()
    }

    /// All parameters end to end.
    pub(super) fn flat(&self) -> Vec<f32> {
        let values = self.parameters.iter().flat_map(|p| p.tensor.data());
        values.copied().collect()
    }

    /// Adds the gradients of all parameters to `sums`, which has them end to end.
    pub(super) fn add_gradients(&self, gradients: &Gradients, mut sums: &mut [f32]) {
        for parameter in &self.parameters {
            let (own, rest) = sums.split_at_mut(parameter.tensor.len());
            sums = rest;
            if let Some(gradient) = gradients.get(&parameter.tensor) {
                kernels::add(own, gradient);
            }
        }
    }

    /// Takes over what [`flat`](Self::flat) gave.
    ///
    /// # Panics
    /// If there are fewer numbers than [`len`](Self::len).
    pub(super) fn set(&mut self, mut flat: &[f32]) {
        for parameter in &mut self.parameters {
            let (own, rest) = flat.split_at(parameter.tensor.len());
            parameter
                .tensor
                .update(|values| values.copy_from_slice(own));
            flat = rest;
        }
    }

    /// What is left when training is over, in the unit of the rows, as constants, and how they are
    /// stored; rounded to 16-bit floats if `half` and none of them is too large for that.
    pub(super) fn finish(
        mut self,
        shape: &Shape,
        scale: Unit,
        half: bool,
    ) -> Result<(Box<dyn Adapter>, Head, FloatType)> {
        let (adapter, head) = self.build(shape)?;
        if let Some((config, parameters)) = adapter.finished() {
            self.config = config;
            self.parameters = [&parameters, head.parameters()].concat();
        }
        scale.fold(&mut self.parameters);
        let values = self.parameters.iter().flat_map(|p| p.tensor.data());
        let half = half && values.into_iter().all(|x| x.abs() <= f16::MAX.to_f32());
        for parameter in &mut self.parameters {
            parameter.tensor = parameter.tensor.detach();
            if half {
                let round = |x: &mut f32| *x = f16::from_f32(*x).to_f32();
                parameter
                    .tensor
                    .update(|values| values.iter_mut().for_each(round));
            }
        }
        let (adapter, head) = self.build(shape)?;
        let float = if half { FloatType::F16 } else { FloatType::F32 };
        Ok((adapter, head, float))
    }
}
