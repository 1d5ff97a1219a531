use std::ops::Deref;
use std::rc::Rc;

use crate::folder::TaskAdapter;

/// An adapter that a plan computes with: shared with whoever loaded it, or borrowed for one call.
#[derive(Clone)]
pub enum TaskRef<'a> {
    /// Stays loaded for as long as the plan needs it.
    Shared(Rc<TaskAdapter>),
    /// The caller keeps it.
    Borrowed(&'a TaskAdapter),
}

impl TaskRef<'_> {
    /// Whether both are the same adapter, not only equal ones.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const **self, &raw const **other)
    }
}

impl Deref for TaskRef<'_> {
    type Target = TaskAdapter;

    fn deref(&self) -> &TaskAdapter {
        match self {
            Self::Shared(task) => task,
            Self::Borrowed(task) => task,
        }
    }
}
