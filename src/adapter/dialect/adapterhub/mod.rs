//! AdapterHub's settings, in all their versions and under all their names, and the keys of its tensors.

mod named;
pub(crate) mod names;
pub(crate) mod settings;
