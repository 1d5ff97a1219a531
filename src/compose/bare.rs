use crate::error::Result;
use crate::input::{Batch, Sequence};
use crate::model::{Backbone, NoHook, States};

/// Where a pass gets the states of the bare backbone from: those that enter the lowest layer that any of its adapters
/// changes.
pub trait BareStates {
    /// States that enter `layer`, of these sequences in their order. Each has its index in the call.
    ///
    /// # Errors
    /// Those of [`Backbone::embed`].
    fn entering(
        &mut self,
        backbone: &dyn Backbone,
        layer: usize,
        sequences: &[(usize, &Sequence)],
    ) -> Result<States>;
}

/// Computes the states each time, and keeps none.
pub struct ComputedStates;

impl BareStates for ComputedStates {
    fn entering(
        &mut self,
        backbone: &dyn Backbone,
        layer: usize,
        sequences: &[(usize, &Sequence)],
    ) -> Result<States> {
        let batch = Batch::new(sequences.iter().map(|(_, sequence)| *sequence));
        let states = backbone.embed(&batch, &NoHook)?;
        Ok(backbone.run(states, 0..layer, &NoHook))
    }
}
