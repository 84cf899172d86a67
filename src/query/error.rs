use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::encoder::EncoderError;
use crate::library::LibraryError;
use crate::media::MediaError;

/// Why a query could not be answered.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The query picture cannot be read.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The query picture cannot be decoded.
    #[error("cannot use '{}' as a picture: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MediaError,
    },
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The library cannot be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl From<clipdex_index::IndexError> for QueryError {
    fn from(error: clipdex_index::IndexError) -> Self {
        Self::Library(error.into())
    }
}
