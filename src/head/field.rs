//! Fields of the head's parameters. The width is that of the vectors that are [pooled](super::Pooling::width), or of a head that
//! compares the texts of a pair the number of [features](crate::ops::pair_features). The dense layer has as many outputs as
//! [`Dense::size`](super::Dense::size) says.

/// `[dense, width]` of the dense layer.
pub const DENSE: &str = "dense.weight";
/// `[dense]` of the dense layer.
pub const DENSE_BIAS: &str = "dense.bias";
/// `[labels, width]` of the last layer, `[labels, dense]` behind a dense layer.
pub const OUT: &str = "out.weight";
/// `[labels]` of the last layer.
pub const OUT_BIAS: &str = "out.bias";
