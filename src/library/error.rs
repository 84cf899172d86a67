use std::io;
use std::path::PathBuf;

use clipdex_index::IndexError;
use thiserror::Error;

use crate::encoder::EncoderError;

/// Why a library could not be opened, read or written.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// The user has no home directory, so that there is no default place.
    #[error("no home directory, hence no default library; name one with --library DIR")]
    NoHome,
    /// There is no library at this place.
    #[error("no library at '{}'; make one with `clipdex index DIR`, or name another with --library DIR", .0.display())]
    NotFound(PathBuf),
    /// No photograph has been indexed.
    #[error("the library at '{}' holds no photographs yet; add some with `clipdex index DIR`", .0.display())]
    NoPhotos(PathBuf),
    /// The library was made with one model and another was asked for.
    #[error(
        "the library at '{}' was made with model '{stored}', not '{asked}', and their vectors cannot be compared; \
         leave --model out, change the library's model with `clipdex index --model '{asked}'`, or name another library \
         with --library DIR",
        dir.display()
    )]
    OtherModel {
        /// The library.
        dir: PathBuf,
        /// The model that it was made with.
        stored: String,
        /// The model that was asked for.
        asked: String,
    },
    /// The library was made with other weights under the same name.
    #[error(
        "the library at '{}' was made with other weights of model '{model}', and their vectors cannot be compared; \
         name the new weights with `clipdex index --model`, which embeds everything anew",
        dir.display()
    )]
    OtherWeights {
        /// The library.
        dir: PathBuf,
        /// The model's name.
        model: String,
    },
    /// A directory cannot be found or resolved.
    #[error("cannot open '{}': {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path has characters that cannot be stored.
    #[cfg(not(unix))]
    #[error("the path '{}' is not Unicode; rename it", .0.display())]
    PathNotUnicode(PathBuf),
    /// A stored record cannot be read.
    #[error("the library's record of a {0} is damaged or of a newer version; update clipdex, or index again")]
    Record(&'static str),
    /// The model cannot be opened.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}
