use std::rc::Rc;

use super::Engine;
use crate::compose::{self, Average, Composition};
use crate::error::{Error, Result};
use crate::folder::{self, Files, Library, TaskAdapter, merge};

/// The adapters that are loaded, and which of them is in use.
impl Engine {
    /// Loads an adapter's folder, or a fusion's of loaded adapters, under a name, in place of another of
    /// that name.
    ///
    /// # Errors
    /// Those of [`folder::load`] and [`compose::fusion::load`].
    pub fn add(&mut self, name: &str, files: &Files) -> Result<&TaskAdapter> {
        let shape = self.backbone.shape();
        let task = if files.contains_key(folder::FUSION_CONFIG) {
            compose::fusion::load(name, files, &|name| self.shared(name), shape)?
        } else {
            folder::load(name, files, shape)?
        };
        Ok(self.insert(name, task))
    }

    /// Takes in an adapter that is already built.
    pub fn insert(&mut self, name: &str, task: TaskAdapter) -> &TaskAdapter {
        let slot = self.adapters.entry(name.to_owned());
        slot.insert_entry(Rc::new(task)).into_mut()
    }

    /// Makes a new adapter of the parameters of others, see [`compose::average()`].
    ///
    /// # Errors
    /// Those of [`compose::average()`]; [`Error::CompositionInvalid`] for anything but an average.
    pub fn compose(&mut self, name: &str, composition: &Composition) -> Result<&TaskAdapter> {
        let Composition::Average(average) = composition else {
            return Err(Error::CompositionInvalid {
                place: "the composition".into(),
                reason: "only an \"average\" has parameters of its own; use any other as it is"
                    .into(),
            });
        };
        let task = self.average(average)?;
        Ok(self.insert(name, task))
    }

    /// One adapter of the parameters of several, see [`compose::average()`].
    ///
    /// # Errors
    /// Those of [`compose::average()`].
    pub fn average(&self, average: &Average) -> Result<TaskAdapter> {
        compose::average(average, &|name| self.shared(name), self.backbone.shape())
    }

    /// Forgets an adapter; if it was in use, the bare backbone is. A fusion keeps the adapters that it
    /// is made of.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let unknown = self.unknown(name);
        let active = self.active.as_ref();
        if active.is_some_and(|active| active.names().contains(&name)) {
            self.active = None;
        }
        self.adapters.remove(name).map(drop).ok_or(unknown)
    }

    /// Switches to an adapter, or with `None` to the bare backbone.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`]; the one in use stays so.
    pub fn activate(&mut self, name: Option<&str>) -> Result<()> {
        if let Some(name) = name {
            self.get(name)?;
        }
        self.active = name.map(Composition::from);
        Ok(())
    }

    /// Switches to a composition.
    ///
    /// # Errors
    /// Those of [`Composition::check`]; what is in use stays so.
    pub fn activate_composition(&mut self, composition: Composition) -> Result<()> {
        composition.check(&|name| self.shared(name), self.backbone.shape())?;
        self.active = Some(composition);
        Ok(())
    }

    /// What is in use.
    #[must_use]
    pub fn in_use(&self) -> Option<&Composition> {
        self.active.as_ref()
    }

    /// The name of the adapter in use; `None` also for a composition.
    #[must_use]
    pub fn active(&self) -> Option<&str> {
        match &self.active {
            Some(Composition::Adapter(name)) => Some(name),
            _ => None,
        }
    }

    /// All adapters with their names, in alphabetical order.
    pub fn adapters(&self) -> impl Iterator<Item = (&str, &TaskAdapter)> {
        self.adapters
            .iter()
            .map(|(name, task)| (name.as_str(), &**task))
    }

    /// The adapter of that name.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn get(&self, name: &str) -> Result<&TaskAdapter> {
        let task = self.adapters.get(name).map(|task| &**task);
        task.ok_or_else(|| self.unknown(name))
    }

    /// A shared handle to the adapter of that name.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn shared(&self, name: &str) -> Result<Rc<TaskAdapter>> {
        let task = self.adapters.get(name).map(Rc::clone);
        task.ok_or_else(|| self.unknown(name))
    }

    /// Writes an adapter as a library's folder.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::AdapterFormat`].
    pub fn export(&self, name: &str, library: Library) -> Result<Files> {
        folder::save(self.get(name)?, name, library, self.backbone.shape())
    }

    /// A copy of the backbone with an adapter merged in, see [`merge`](crate::folder::merge()).
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::AdapterFormat`].
    pub fn merge(&self, name: &str) -> Result<Files> {
        merge(self.get(name)?, &*self.backbone)
    }

    fn unknown(&self, name: &str) -> Error {
        let loaded: Vec<_> = self.adapters.keys().map(String::as_str).collect();
        let loaded = if loaded.is_empty() {
            "none".to_owned()
        } else {
            loaded.join(", ")
        };
        Error::AdapterUnknown {
            name: name.to_owned(),
            loaded,
        }
    }
}
