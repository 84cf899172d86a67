use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::encoder::KernelError;
use crate::labels::LabelError;
use crate::library::LibraryError;

/// Why photographs could not be tagged, or found or written by their tags.
#[derive(Debug, Error)]
pub enum TagError {
    /// No tags are kept at all.
    #[error("no photograph is tagged yet; tag them with `clipdex tag --labels BANK`")]
    NoTags,
    /// No tags of this bank are kept.
    #[error("no photograph is tagged out of the bank '{0}' yet; tag them with `clipdex tag --labels {0}`")]
    NoTagsOf(String),
    /// A condition that cannot be read.
    #[error("'{0}' is no condition; conditions are tag:LABEL and tag:BANK/LABEL")]
    Syntax(String),
    /// No bank that photographs are tagged out of has such a label.
    #[error(
        "there is no tag '{label}': {banks} no label of this name, and none that is a kind of it; `clipdex label show` lists labels"
    )]
    UnknownTag {
        /// What was asked for.
        label: String,
        /// The banks that were looked through, with a verb.
        banks: String,
    },
    /// A sidecar cannot be written.
    #[error("cannot write '{}': {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The labels cannot be used.
    #[error(transparent)]
    Label(Box<LabelError>),
    /// The library cannot be read or written.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// Photographs and labels do not fit together.
    #[error("comparing photographs with labels: {0}")]
    Kernel(#[from] KernelError),
}

impl From<LabelError> for TagError {
    fn from(error: LabelError) -> Self {
        Self::Label(Box::new(error))
    }
}

impl From<clipdex_index::IndexError> for TagError {
    fn from(error: clipdex_index::IndexError) -> Self {
        Self::Library(error.into())
    }
}
