//! Pictures in files, as an encoder sees them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use thiserror::Error;

use crate::encoder::{EncoderError, ImageEncoder, Model};
use crate::media::{self, Limits, MediaError};

/// Larger files are not photographs that the decoders could hold in memory.
pub(crate) const MAX_FILE_BYTES: u64 = 256 << 20;

/// Why a picture has no vector.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The file cannot be read.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no picture that can be decoded.
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
}

/// The content of a file or a pipe.
///
/// # Errors
/// [`PictureError::Read`], also beyond [`MAX_FILE_BYTES`]: of what never ends no more is read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, PictureError> {
    let content = File::open(path).and_then(|mut file| {
        check_size(file.metadata()?.len())?;
        let mut content = Vec::new();
        let read = (&mut file).take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
        check_size(read as u64)?;
        Ok(content)
    });
    content.map_err(|source| PictureError::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// Refuses what has more bytes than [`MAX_FILE_BYTES`].
///
/// # Errors
/// `FileTooLarge`.
pub(crate) fn check_size(bytes: u64) -> io::Result<()> {
    if bytes <= MAX_FILE_BYTES {
        return Ok(());
    }
    let message = format!("it is larger than the limit of {MAX_FILE_BYTES} bytes");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
}

/// The unit vector of a picture, whose file has this content; `path` is what an error calls it.
///
/// # Errors
/// [`PictureError::Decode`], or the encoder fails.
pub(crate) fn embed(encoder: &dyn ImageEncoder, path: &Path, content: &[u8]) -> Result<Vec<f32>, PictureError> {
    let decoded = media::decode_reduced(content, &Limits::default(), encoder.enough_pixels());
    let photo = decoded.map_err(|source| PictureError::Decode {
        path: path.to_path_buf(),
        source,
    })?;
    let pixels = encoder.preprocess(&photo.image)?;
    Ok(encoder.embed(&[&pixels])?.as_slice().to_vec())
}

/// What `stored` knows of each file, and what `embed` makes of those that it does not know, in the files' order. The
/// weights of the model's image side are read only where there is one of these.
///
/// # Errors
/// The model cannot be read. That a file cannot be is part of the result.
pub(crate) fn stored_or_embedded<T: Send, E: Send>(
    model: &Model,
    files: &[PathBuf],
    stored: impl Fn(&Path) -> Result<Option<T>, E> + Sync,
    embed: impl Fn(&dyn ImageEncoder, &Path) -> Result<T, E> + Sync,
) -> Result<Vec<Result<T, E>>, EncoderError> {
    let found: Vec<_> = files.par_iter().map(|file| stored(file)).collect();
    let encoder = if found.iter().any(|found| matches!(found, Ok(None))) {
        Some(model.image_encoder()?)
    } else {
        None
    };
    let all = found
        .into_par_iter()
        .zip(files)
        .filter_map(|(found, file)| match found.transpose() {
            Some(found) => Some(found),
            None => encoder.as_deref().map(|encoder| embed(encoder, file)),
        });
    Ok(all.collect())
}
