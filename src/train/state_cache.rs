use crate::compose::{BareStates, ComputedStates, Unit, forward_from};
use crate::error::Result;
use crate::input::{Batch, Sequence};
use crate::model::{Backbone, Hook, States};
use crate::tensor::{Buffer, Tensor};

/// The hidden states of examples below the lowest layer that an adapter changes. They are the same in
/// every epoch, so they are computed once and kept, as many as the limit has room for; the others are
/// computed again.
pub struct StateCache {
    /// The layer that the states enter.
    layer: usize,
    /// `[tokens, hidden size]` of each example, once computed.
    kept: Vec<Option<Box<[f32]>>>,
    /// Bytes that may still be kept.
    room: usize,
}

impl StateCache {
    /// For `examples` examples and an adapter with this [`Hook::lowest_layer`], in at most `limit`
    /// bytes.
    #[must_use]
    pub fn new(
        backbone: &dyn Backbone,
        lowest_layer: Option<usize>,
        examples: usize,
        limit: usize,
    ) -> Self {
        Self {
            layer: lowest_layer.unwrap_or(backbone.shape().layers),
            kept: vec![None; examples],
            room: limit,
        }
    }

    /// An empty one for another number of examples and the same adapter.
    #[must_use]
    pub fn of_examples(&self, examples: usize) -> Self {
        Self {
            layer: self.layer,
            kept: vec![None; examples],
            room: self.room + self.bytes(),
        }
    }

    /// Whether its states are those of another one's examples, if they are numbered alike.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.layer == other.layer && self.kept.len() == other.kept.len()
    }

    /// Bytes of states that are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.kept
            .iter()
            .flatten()
            .map(|x| size_of_val(&x[..]))
            .sum()
    }

    /// Last hidden states of some examples, each with its number, in the order given.
    ///
    /// # Errors
    /// Those of [`Backbone::embed`].
    pub fn forward(
        &mut self,
        backbone: &dyn Backbone,
        hook: &dyn Hook,
        examples: &[(usize, &Sequence)],
    ) -> Result<States> {
        let numbers: Vec<usize> = examples.iter().map(|(number, _)| *number).collect();
        let unit = Unit {
            hook,
            sequences: (0..examples.len()).collect(),
        };
        let bare = &mut self.of(&numbers);
        let mut states = forward_from(backbone, bare, &|index| examples[index].1, &[unit])?;
        Ok(states.remove(0))
    }

    /// The cache as a source of the states of a call's sequences; each has its number here.
    #[must_use]
    pub fn of<'a>(&'a mut self, numbers: &'a [usize]) -> KeptStates<'a> {
        KeptStates {
            cache: self,
            numbers,
        }
    }

    /// The states that enter the lowest adapted layer.
    fn below(
        &mut self,
        backbone: &dyn Backbone,
        examples: &[(usize, &Sequence)],
    ) -> Result<States> {
        let is_missing = |example: &(usize, &Sequence)| self.kept[example.0].is_none();
        let missing: Vec<_> = examples.iter().copied().filter(is_missing).collect();
        let computed = ComputedStates.entering(backbone, self.layer, &missing)?;
        if missing.len() == examples.len() {
            self.keep(&missing, &computed);
            return Ok(computed);
        }

        let starts = Batch::new(examples.iter().map(|(_, sequence)| *sequence)).starts;
        let hidden = backbone.shape().hidden_size;
        let mut x = Buffer::uninitialised(starts[examples.len()] * hidden);
        let (mut rest, mut fresh) = (&mut x[..], computed.x.data());
        for (number, sequence) in examples {
            let (to, others) = rest.split_at_mut(sequence.len() * hidden);
            rest = others;
            if let Some(kept) = &self.kept[*number] {
                to.copy_from_slice(kept);
            } else {
                let (from, others) = fresh.split_at(to.len());
                fresh = others;
                to.copy_from_slice(from);
            }
        }
        self.keep(&missing, &computed);
        Ok(States {
            x: Tensor::new(x, &[starts[examples.len()], hidden]),
            starts,
        })
    }

    fn keep(&mut self, examples: &[(usize, &Sequence)], states: &States) {
        let (_, hidden) = states.x.dims2();
        for ((number, _), bounds) in examples.iter().zip(states.starts.windows(2)) {
            let values = &states.x.data()[bounds[0] * hidden..bounds[1] * hidden];
            if size_of_val(values) <= self.room {
                self.room -= size_of_val(values);
                self.kept[*number] = Some(values.into());
            }
        }
    }
}

/// The states of a call's sequences, as far as a [`StateCache`] keeps them.
pub struct KeptStates<'a> {
    cache: &'a mut StateCache,
    /// The number that each sequence of the call has in the cache.
    numbers: &'a [usize],
}

impl BareStates for KeptStates<'_> {
    fn entering(
        &mut self,
        backbone: &dyn Backbone,
        layer: usize,
        sequences: &[(usize, &Sequence)],
    ) -> Result<States> {
        // the embeddings alone are not worth their memory
        if layer == 0 || layer != self.cache.layer {
            return ComputedStates.entering(backbone, layer, sequences);
        }
        let numbered = sequences.iter();
        let numbered = numbered.map(|&(index, sequence)| (self.numbers[index], sequence));
        self.cache.below(backbone, &numbered.collect::<Vec<_>>())
    }
}
