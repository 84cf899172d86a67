use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::encoder::EncoderError;
use crate::library::LibraryError;

/// Why an ingest run could not go on. What is wrong with a single photograph is recorded, not raised.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The directory cannot be opened.
    #[error("cannot index '{}': {source}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory of the library is not there, and nothing of it is in the library.
    #[error("'{}' is not there any more; if it is really gone, run again with --prune, which forgets it", .0.display())]
    Gone(PathBuf),
    /// The path is a file.
    #[error("cannot index '{}': it is not a directory; name the directory that holds the photographs", .0.display())]
    NotADirectory(PathBuf),
    /// A directory that had photographs shows none.
    #[error(
        "'{}' shows no photographs but {known} of them are in the library; if a drive is not mounted, mount it; \
         if they are really gone, run again with --prune",
        path.display()
    )]
    Emptied {
        /// The directory.
        path: PathBuf,
        /// Number of files that the library knows below it.
        known: usize,
    },
    /// Photographs that the library has cannot be embedded anew.
    #[error(
        "{photos} photographs of the library cannot be read any more, '{}' among them; if a drive is not mounted, mount \
         it; if they are really gone, run again with --prune; until then the library stays with its model",
        path.display()
    )]
    Unreadable {
        /// How many.
        photos: u64,
        /// One of them.
        path: PathBuf,
    },
    /// The run was interrupted; all that was committed is kept.
    #[error("interrupted; what was committed is kept, and the next run goes on from there")]
    Interrupted,
    /// The library cannot be read or written.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
}

impl IngestError {
    /// Whether the directory alone is to blame, so that a run can go on with others.
    pub fn is_of_directory(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::NotADirectory(_) | Self::Emptied { .. })
    }
}

impl From<clipdex_index::IndexError> for IngestError {
    fn from(error: clipdex_index::IndexError) -> Self {
        Self::Library(error.into())
    }
}
