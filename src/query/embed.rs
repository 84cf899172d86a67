use std::fs;
use std::path::Path;

use super::QueryError;
use crate::encoder::{ImageEncoder, TextEncoder};
use crate::media::{self, Limits};

/// The unit vector of a text.
pub fn embed_text(encoder: &dyn TextEncoder, text: &str) -> Result<Vec<f32>, QueryError> {
    Ok(encoder.embed(&[text])?.as_slice().to_vec())
}

/// The unit vector of a picture in a file.
///
/// # Errors
/// The file cannot be read or decoded.
pub fn embed_file(encoder: &dyn ImageEncoder, file: &Path) -> Result<Vec<f32>, QueryError> {
    let bytes = fs::read(file).map_err(|source| QueryError::Read {
        path: file.to_path_buf(),
        source,
    })?;
    let photo = media::decode(&bytes, &Limits::default()).map_err(|source| QueryError::Decode {
        path: file.to_path_buf(),
        source,
    })?;
    let pixels = encoder.preprocess(&photo.image)?;
    let embeddings = encoder.embed(&[&pixels])?;
    Ok(embeddings.as_slice().to_vec())
}
