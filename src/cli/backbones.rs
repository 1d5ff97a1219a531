//! The options that name the frozen model, or two of them for pairs.

use std::path::PathBuf;

use clap::Args;

use super::folders;
use crate::engine::Engine;
use crate::error::Result;

/// Which frozen model is used.
#[derive(Args)]
pub(super) struct Backbones {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Folder of a second backbone, which reads something else, such as pictures. Then the rows are pairs: the first half is
    /// for --backbone and the second for this one, and the adapter acts on both.
    #[arg(long, value_name = "DIR")]
    second_backbone: Option<PathBuf>,
}

impl Backbones {
    /// Loads what is named.
    ///
    /// # Errors
    /// Those of [`folders::load_backbone`] and [`Engine::dual`].
    pub(super) fn load(&self) -> Result<Engine> {
        let first = folders::load_backbone(&self.backbone)?;
        match &self.second_backbone {
            Some(folder) => Engine::dual(&first, &folders::load_backbone(folder)?),
            None => Ok(first),
        }
    }
}
