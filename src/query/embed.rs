use std::fs;
use std::path::Path;

use clipdex_index::ItemId;

use super::QueryError;
use crate::encoder::{ImageEncoder, TextEncoder};
use crate::library::Library;
use crate::media::{self, Limits};

/// The unit vector of a text.
pub fn embed_text(encoder: &dyn TextEncoder, text: &str) -> Result<Vec<f32>, QueryError> {
    Ok(encoder.embed(&[text])?.as_slice().to_vec())
}

/// The photograph that the library has of this file, with its vector, as long as the file is as it was when it was
/// indexed: what spares [`embed_file`].
pub fn stored_vector(library: &Library, file: &Path) -> Result<Option<(ItemId, Vec<f32>)>, QueryError> {
    let Some(item) = library.item_of_file(file)? else {
        return Ok(None);
    };
    let vector = library.index().vector(library.images()?.id, item)?;
    Ok(vector.map(|vector| (item, vector)))
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
    let photo = media::decode_reduced(&bytes, &Limits::default(), encoder.enough_pixels()).map_err(|source| {
        QueryError::Decode {
            path: file.to_path_buf(),
            source,
        }
    })?;
    let pixels = encoder.preprocess(&photo.image)?;
    let embeddings = encoder.embed(&[&pixels])?;
    Ok(embeddings.as_slice().to_vec())
}
