//! The files of each library's folders.

use super::{CARD, CONFIG, FUSION_CONFIG, Library, SIDE_HEAD, adapterhub, parse_object, peft};
use crate::error::{Error, Result};

impl Library {
    /// Every file name that a folder of this library may hold, the needed ones first. Of a `.bin` and
    /// the safetensors file before it a folder needs only one.
    #[must_use]
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Peft => &[CONFIG, peft::WEIGHTS[0], peft::WEIGHTS[1], CARD, SIDE_HEAD],
            Self::AdapterHub => &[
                CONFIG,
                adapterhub::WEIGHTS[0],
                adapterhub::WEIGHTS[1],
                adapterhub::HEAD_CONFIG,
                adapterhub::HEAD_WEIGHTS[0],
                adapterhub::HEAD_WEIGHTS[1],
                CARD,
                SIDE_HEAD,
            ],
        }
    }

    /// Every file name that the folder of a fusion may hold, as [`files`](Self::files) has them.
    #[must_use]
    pub fn fusion_files() -> &'static [&'static str] {
        &[
            FUSION_CONFIG,
            adapterhub::FUSION_WEIGHTS[0],
            adapterhub::FUSION_WEIGHTS[1],
            adapterhub::HEAD_CONFIG,
            adapterhub::HEAD_WEIGHTS[0],
            adapterhub::HEAD_WEIGHTS[1],
            CARD,
            SIDE_HEAD,
        ]
    }

    /// The safetensors file that holds the same as a `.bin` of that name.
    #[must_use]
    pub fn alternative(name: &str) -> Option<&'static str> {
        let pairs = [
            peft::WEIGHTS,
            adapterhub::WEIGHTS,
            adapterhub::FUSION_WEIGHTS,
            adapterhub::HEAD_WEIGHTS,
        ];
        let pair = pairs.into_iter().find(|[_, torch]| *torch == name);
        pair.map(|[safe, _]| safe)
    }

    /// Tells from the text of an `adapter_config.json` whose it is.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is neither's.
    pub fn detect(config: &[u8]) -> Result<Self> {
        let map = parse_object(CONFIG, config)?;
        if map.contains_key("peft_type") {
            Ok(Self::Peft)
        } else if map
            .get("config")
            .is_some_and(|config| config.is_object() || config.is_string())
        {
            Ok(Self::AdapterHub)
        } else {
            Err(Error::ConfigInvalid {
                place: CONFIG.into(),
                reason: "it has neither PEFT's \"peft_type\" nor AdapterHub's \"config\"; is it an adapter's?"
                    .into(),
            })
        }
    }
}
