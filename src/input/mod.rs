//! Floor 1: what the user gives, turned into what a model reads.

pub mod text;
