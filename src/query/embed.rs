use std::path::{Path, PathBuf};

use clipdex_index::ItemId;

use super::QueryError;
use crate::encoder::{ImageEncoder, Model, TextEncoder};
use crate::library::Library;
use crate::picture;

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
    Ok(picture::embed(encoder, file, &picture::read(file)?)?)
}

/// The unit vectors of pictures in files, from the library where it has them. The weights of the model's image side are
/// read only where it lacks one.
///
/// # Errors
/// The model cannot be read. That a picture cannot be is part of the result.
pub fn vectors_of(
    library: &Library,
    model: &Model,
    files: &[PathBuf],
) -> Result<Vec<Result<Vec<f32>, QueryError>>, QueryError> {
    let stored = |file: &Path| Ok(stored_vector(library, file)?.map(|(_, vector)| vector));
    Ok(picture::stored_or_embedded(model, files, stored, embed_file)?)
}
