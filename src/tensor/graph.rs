use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Buffer, Tensor};
use crate::kernels;

/// The backward of one operation: from the gradient of its result to those of its inputs.
type Backward = Box<dyn Fn(Buffer, &mut Inputs<'_>) + Send + Sync>;

/// A value that depends on variables, without the value.
pub(super) struct Node {
    /// Larger than those of all nodes it was made from.
    id: u64,
    /// One per input of the operation; `None` for a constant.
    parents: Vec<Option<Arc<Node>>>,
    /// `None` for a variable.
    backward: Option<Backward>,
}

impl Node {
    fn new(parents: Vec<Option<Arc<Node>>>, backward: Option<Backward>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            parents,
            backward,
        })
    }

    pub(super) fn leaf() -> Arc<Self> {
        Self::new(Vec::new(), None)
    }

    pub(super) fn of(parents: Vec<Option<Arc<Node>>>, backward: Backward) -> Arc<Self> {
        Self::new(parents, Some(backward))
    }
}

impl Drop for Node {
    /// One after the other: a chain of drops inside drops would overflow the stack.
    fn drop(&mut self) {
        let mut rest = std::mem::take(&mut self.parents);
        while let Some(parent) = rest.pop() {
            if let Some(mut parent) = parent.and_then(Arc::into_inner) {
                rest.append(&mut parent.parents);
            }
        }
    }
}

/// The inputs of an operation, as its backward sees them.
pub struct Inputs<'a> {
    parents: &'a [Option<Arc<Node>>],
    gradients: &'a mut HashMap<u64, Buffer>,
}

impl Inputs<'_> {
    /// Whether the gradient of an input is of any use.
    #[must_use]
    pub fn wants(&self, input: usize) -> bool {
        self.parents[input].is_some()
    }

    /// Lets `add` add to the gradient of an input, `len` elements long; not called for a constant.
    pub fn add_to(&mut self, input: usize, len: usize, add: impl FnOnce(&mut [f32])) {
        let Some(parent) = &self.parents[input] else {
            return;
        };
        let sum = self.gradients.entry(parent.id);
        add(sum.or_insert_with(|| Buffer::zeros(len)));
    }

    /// Adds to the gradient of an input; what is given to a constant is dropped.
    pub fn give(&mut self, input: usize, gradient: Buffer) {
        let Some(parent) = &self.parents[input] else {
            return;
        };
        match self.gradients.entry(parent.id) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(gradient);
            }
            std::collections::hash_map::Entry::Occupied(mut sum) => {
                kernels::add(sum.get_mut(), &gradient);
            }
        }
    }
}

/// The gradients of the variables.
pub struct Gradients(HashMap<u64, Buffer>);

impl Gradients {
    /// The gradient of a variable, in its shape; `None` if nothing depends on it.
    #[must_use]
    pub fn get(&self, variable: &Tensor) -> Option<&[f32]> {
        let node = variable.node.as_ref()?;
        self.0.get(&node.id).map(|gradient| &gradient[..])
    }
}

/// Walks the graph from a value back to the variables, the latest node first: then all that depends
/// on a node has been there before. What an operation remembers is dropped as soon as it is done.
pub(super) fn backward(root: Option<Arc<Node>>, gradient: Buffer) -> Gradients {
    let mut gradients = HashMap::new();
    let mut waiting = BTreeMap::new();
    if let Some(root) = root {
        gradients.insert(root.id, gradient);
        waiting.insert(root.id, root);
    }
    while let Some((id, node)) = waiting.pop_last() {
        for parent in node.parents.iter().flatten() {
            waiting
                .entry(parent.id)
                .or_insert_with(|| Arc::clone(parent));
        }
        if let Some(backward) = &node.backward
            && let Some(gradient) = gradients.remove(&id)
        {
            let mut inputs = Inputs {
                parents: &node.parents,
                gradients: &mut gradients,
            };
            backward(gradient, &mut inputs);
        }
    }
    Gradients(gradients)
}
