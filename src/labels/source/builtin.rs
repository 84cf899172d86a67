use std::path::PathBuf;

use super::LabelSource;
use crate::labels::LabelError;

/// A label list that the program carries. Names, synonyms, definitions and parents are WordNet 3.0's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// The 1,000 classes of ILSVRC 2012.
    ImageNet1k,
    /// The 21,841 synsets of ImageNet (Fall 2011).
    ImageNet21k,
    /// The 82,115 synsets that are nouns.
    WordNetNouns,
}

impl Builtin {
    /// Every list there is.
    pub const ALL: [Self; 3] = [Self::ImageNet1k, Self::ImageNet21k, Self::WordNetNouns];

    /// Name behind `builtin:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImageNet1k => "imagenet-1k",
            Self::ImageNet21k => "imagenet-21k",
            Self::WordNetNouns => "wordnet-nouns",
        }
    }

    /// The list of this name, if there is one.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }

    /// Tab-separated, with a header.
    pub(super) fn text(self) -> Result<String, LabelError> {
        let text = zstd::decode_all(self.compressed()).map(String::from_utf8);
        let text = text.and_then(|text| text.map_err(std::io::Error::other));
        text.map_err(|source| LabelError::Read {
            path: PathBuf::from(LabelSource::Builtin(self).to_string()),
            source,
        })
    }

    /// [`Builtin::text`], compressed by Zstandard.
    fn compressed(self) -> &'static [u8] {
        match self {
            Self::ImageNet1k => include_bytes!("../../../labels/imagenet-1k.tsv.zst"),
            Self::ImageNet21k => include_bytes!("../../../labels/imagenet-21k.tsv.zst"),
            Self::WordNetNouns => include_bytes!("../../../labels/wordnet-nouns.tsv.zst"),
        }
    }
}
