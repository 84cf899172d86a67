use thiserror::Error;

use crate::encoder::EncoderError;
use crate::library::LibraryError;
use crate::picture::PictureError;

/// Why a query could not be answered.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The query picture cannot be read, decoded or embedded.
    #[error(transparent)]
    Picture(#[from] PictureError),
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
