//! Floor 8: from labelled rows to a trained adapter. The same code runs natively and in the tab.

mod checkpoint;
mod dataset;
mod defaults;
mod event;
mod learner;
mod names;
mod optimizer;
mod outcomes;
mod penalty;
mod plan;
mod report;
mod schedule;
mod scheme;
mod settings;
mod split;
mod start;
mod state_cache;
mod student;
mod suggest;
mod token_store;
mod trainer;
mod wire;

pub use dataset::{Dataset, Row};
pub use event::Event;
pub use learner::{Computed, Learner, Lesson, Share, Trace};
pub use optimizer::{AdamW, clip_norm};
pub use outcomes::Outcomes;
pub use report::{HardRow, Report, Suspect};
pub use schedule::{Decay, Schedule};
pub use scheme::{Reading, Scheme};
pub use settings::{Balanced, ClassWeights, Resolved, Settings};
pub use start::preset_of;
pub use state_cache::{KeptStates, StateCache};
pub use suggest::{CANDIDATES, Candidate, SuggestEvent, Suggester, Suggestion};
pub use token_store::TokenStore;
pub use trainer::Trainer;
