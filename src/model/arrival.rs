use std::collections::HashMap;
use std::sync::Arc;

use super::weights::Weights;
use super::{Anatomy, Encoder, Frozen, ModulePlan};
use crate::error::Result;
use crate::tensor_file::{Arriving, Part, TensorFile};

/// A backbone whose file of weights comes piece by piece. A module is built as soon as its tensors are there, and then they
/// are let go: so the work goes on while the file is read, and the file is never in memory beside what is made of it.
pub struct Arrival {
    file: Arriving,
    modules: Modules,
}

/// What has been built so far.
struct Modules {
    anatomy: Arc<Anatomy>,
    /// From the file's header on.
    weights: Option<Weights<'static>>,
    /// What is not built yet, with the tensors that have not come.
    waiting: Vec<(ModulePlan, Vec<String>)>,
    /// How many modules that are not built need a tensor.
    wanted: HashMap<String, usize>,
    frozen: Frozen,
}

impl Arrival {
    /// Of a safetensors file of `bytes` bytes, which `place` names in errors.
    #[must_use]
    pub fn new(anatomy: Anatomy, place: &str, bytes: usize) -> Self {
        Self {
            file: Arriving::new(place, bytes),
            modules: Modules {
                anatomy: Arc::new(anatomy),
                weights: None,
                waiting: Vec::new(),
                wanted: HashMap::new(),
                frozen: Frozen::default(),
            },
        }
    }

    /// Takes the next `length` bytes; `copy(from, to)` fills `to` with the piece's bytes from `from` on.
    ///
    /// # Errors
    /// Those of [`Arriving::push`] and [`Encoder::load_checkpoint`].
    pub fn push(&mut self, length: usize, copy: &mut dyn FnMut(usize, &mut [u8])) -> Result<()> {
        let place = self.file.place().to_owned();
        let modules = &mut self.modules;
        self.file.push(length, copy, &mut |part| match part {
            Part::List(list) => modules.list(TensorFile::listed(&place, list)),
            Part::Tensor(name, data) => modules.take(&name, data),
        })
    }

    /// The encoder. `fingerprint` as for [`Encoder::load_checkpoint`].
    ///
    /// # Errors
    /// [`FileTruncated`](crate::Error::FileTruncated), and those of [`Encoder::load_checkpoint`].
    pub fn finish(self, fingerprint: &str) -> Result<Encoder> {
        self.file.finish()?;
        self.modules.finish(fingerprint)
    }
}

impl Modules {
    fn list(&mut self, file: TensorFile<'static>) -> Result<()> {
        let weights = Weights::of_files(vec![file], self.anatomy.clone())?;
        for module in weights.modules() {
            let needed = weights.needed_by(module);
            for name in &needed {
                *self.wanted.entry(name.clone()).or_default() += 1;
            }
            self.waiting.push((module.clone(), needed));
        }
        self.weights = Some(weights);
        Ok(())
    }

    /// Takes a tensor, and builds what it makes complete.
    fn take(&mut self, name: &str, data: Vec<u8>) -> Result<()> {
        let Some(weights) = &mut self.weights else {
            return Ok(());
        };
        if !self.wanted.contains_key(name) {
            return Ok(());
        }
        weights.put(name, data);
        for (_, missing) in &mut self.waiting {
            missing.retain(|other| other != name);
        }
        let complete = |(_, missing): &mut (ModulePlan, Vec<String>)| missing.is_empty();
        for (module, _) in self.waiting.extract_if(.., complete) {
            let used = weights.needed_by(&module);
            weights.build(&module, &mut self.frozen)?;
            for name in used {
                let Some(others) = self.wanted.get_mut(&name) else {
                    continue;
                };
                *others -= 1;
                if *others == 0 {
                    weights.put(&name, Vec::new());
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, fingerprint: &str) -> Result<Encoder> {
        let weights = match self.weights {
            Some(weights) => weights,
            None => Weights::of_files(Vec::new(), self.anatomy.clone())?,
        };
        // What is not built by now lacks a tensor, which its own error names.
        for (module, _) in &self.waiting {
            weights.build(module, &mut self.frozen)?;
        }
        Encoder::of_modules(&self.anatomy, &weights, self.frozen, fingerprint)
    }
}
