//! Floor 4: from labelled rows to a trained adapter. The same code runs natively and in the tab.

mod dataset;
mod loss;
mod metrics;
mod optimizer;
mod penalty;
mod schedule;
mod settings;
mod state_cache;
mod trainer;

pub use dataset::{Dataset, Example, Row};
pub use loss::row_loss;
pub use metrics::{Evaluation, LabelScore};
pub use optimizer::{AdamW, clip_norm};
pub use schedule::Schedule;
pub use settings::{Resolved, Settings};
pub use state_cache::StateCache;
pub use trainer::{Event, Trainer};
