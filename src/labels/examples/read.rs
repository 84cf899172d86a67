//! Example pictures from files.

use std::path::{Path, PathBuf};

use super::Hash;
use crate::encoder::{ImageEncoder, Model};
use crate::labels::LabelError;
use crate::library::Library;
use crate::picture;

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
    let stored = |path: &Path| stored_example(library, path);
    Ok(picture::stored_or_embedded(model, paths, stored, embed_example)?)
}

/// BLAKE3 of a file's content.
pub(in crate::labels) fn hash_of_file(path: &Path) -> Result<Hash, LabelError> {
    Ok(*blake3::hash(&picture::read(path)?).as_bytes())
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
    let content = picture::read(path)?;
    Ok(Example {
        path: absolute(path)?,
        hash: *blake3::hash(&content).as_bytes(),
        vector: picture::embed(encoder, path, &content)?,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, LabelError> {
    path.canonicalize().map_err(|source| LabelError::Read {
        path: path.to_path_buf(),
        source,
    })
}
