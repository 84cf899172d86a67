//! Example pictures from files.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Hash;
use crate::encoder::{ImageEncoder, Model};
use crate::labels::LabelError;
use crate::library::Library;
use crate::media::{self, Limits};

/// A picture that shows what a label means.
#[derive(Clone, Debug)]
pub struct Example {
    /// The file, absolute.
    pub(in crate::labels) path: PathBuf,
    /// Of its content.
    pub(in crate::labels) hash: Hash,
    /// Unit vector of the library's model.
    pub(in crate::labels) vector: Vec<f32>,
}

/// Reads pictures as examples, in their order. Those that the library has are not embedded again; the weights of the
/// model's image side are read only where one is missing.
///
/// # Errors
/// The model or the library cannot be read. That a picture cannot be is part of the result.
pub fn read_examples(
    library: &Library,
    model: &Model,
    paths: &[PathBuf],
) -> Result<Vec<Result<Example, LabelError>>, LabelError> {
    let stored: Vec<_> = paths.par_iter().map(|path| stored_example(library, path)).collect();
    let encoder = if stored.iter().any(|found| matches!(found, Ok(None))) {
        Some(model.image_encoder()?)
    } else {
        None
    };
    let examples = stored
        .into_par_iter()
        .zip(paths)
        .filter_map(|(stored, path)| match stored.transpose() {
            Some(stored) => Some(stored),
            None => encoder.as_deref().map(|encoder| embed_example(encoder, path)),
        });
    Ok(examples.collect())
}

/// BLAKE3 of a file's content.
pub(in crate::labels) fn hash_of_file(path: &Path) -> Result<Hash, LabelError> {
    Ok(*blake3::hash(&read(path)?).as_bytes())
}

/// The example whose content the library has as a photograph.
fn stored_example(library: &Library, path: &Path) -> Result<Option<Example>, LabelError> {
    let hash = hash_of_file(path)?;
    let Some(vector) = vector_of_content(library, &hash)? else {
        return Ok(None);
    };
    let path = absolute(path)?;
    Ok(Some(Example { path, hash, vector }))
}

fn vector_of_content(library: &Library, hash: &Hash) -> Result<Option<Vec<f32>>, LabelError> {
    let (index, images) = (library.index(), library.images()?);
    match index.id_of_key(images.id, hash)? {
        Some(item) => Ok(index.vector(images.id, item)?),
        None => Ok(None),
    }
}

/// The example in a file, embedded.
pub(super) fn embed_example(encoder: &dyn ImageEncoder, path: &Path) -> Result<Example, LabelError> {
    let bytes = read(path)?;
    let decoded = media::decode_reduced(&bytes, &Limits::default(), encoder.enough_pixels());
    let photo = decoded.map_err(|source| LabelError::Picture {
        path: path.to_path_buf(),
        source,
    })?;
    let pixels = encoder.preprocess(&photo.image)?;
    Ok(Example {
        path: absolute(path)?,
        hash: *blake3::hash(&bytes).as_bytes(),
        vector: encoder.embed(&[&pixels])?.as_slice().to_vec(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, LabelError> {
    fs::read(path).map_err(unread(path))
}

fn absolute(path: &Path) -> Result<PathBuf, LabelError> {
    path.canonicalize().map_err(unread(path))
}

fn unread(path: &Path) -> impl Fn(std::io::Error) -> LabelError + '_ {
    |source| LabelError::Read {
        path: path.to_path_buf(),
        source,
    }
}
