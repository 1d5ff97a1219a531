//! The image processors of transformers that are known here.

use super::{CHANNELS, Filter};

/// What a picture is resized to, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Height and width.
    Exact(usize, usize),
    /// The shorter side; the longer one keeps its share.
    ShortestEdge(usize),
}

/// What is subtracted from each channel, and what it is then divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Normalise {
    pub(super) mean: [f32; CHANNELS],
    pub(super) deviation: [f32; CHANNELS],
}

/// An image processor of transformers: its name, and its values for absent fields.
pub(super) struct Class {
    /// Without the ending.
    pub(super) name: &'static str,
    pub(super) size: Size,
    pub(super) filter: Filter,
    /// Pixels a side of the crop. Without it, the processor that uses Pillow never crops.
    pub(super) crop: Option<usize>,
    pub(super) normalise: Normalise,
    /// Whether a `size` that is a number means the shorter side.
    pub(super) number_is_shortest_edge: bool,
}

pub(super) const HALVES: Normalise = Normalise {
    mean: [0.5; CHANNELS],
    deviation: [0.5; CHANNELS],
};

/// Of the pictures that CLIP was trained on.
pub(super) const CLIP: Normalise = Normalise {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1],
};

const fn square(name: &'static str, filter: Filter) -> Class {
    Class {
        name,
        size: Size::Exact(224, 224),
        filter,
        crop: None,
        normalise: HALVES,
        number_is_shortest_edge: false,
    }
}

const fn cropped(name: &'static str) -> Class {
    Class {
        name,
        size: Size::ShortestEdge(224),
        filter: Filter::Bicubic,
        crop: Some(224),
        normalise: CLIP,
        number_is_shortest_edge: true,
    }
}

pub(super) const CLASSES: [Class; 5] = [
    square("ViT", Filter::Bilinear),
    Class {
        size: Size::Exact(256, 256),
        crop: Some(224),
        ..square("DeiT", Filter::Bicubic)
    },
    cropped("Bit"),
    cropped("CLIP"),
    square("Siglip", Filter::Bicubic),
];
