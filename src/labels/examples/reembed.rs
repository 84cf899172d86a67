//! Examples, embedded anew by another model.

use std::path::PathBuf;

use clipdex_index::{Item, RootId, Space};

use super::read::embed_example;
use super::{ExampleRecord, Hash, builtin};
use crate::encoder::ImageEncoder;
use crate::labels::{LabelError, WorkProgress};
use crate::library::{EXAMPLES, Library, LibraryError, ModelChange, Record, bytes_to_path};

/// Examples that are committed together.
const EXAMPLES_A_COMMIT: usize = 32;

/// What became of the examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reembedded {
    /// Where those were that cannot be found any more: the bank forgets them.
    pub lost: Vec<PathBuf>,
    /// Whether the run was cut short; the next one goes on from there.
    pub interrupted: bool,
}

/// Embeds those examples anew that the new model does not have yet, each from its file or from a photograph of the same
/// content. To be called when the photographs have been embedded.
///
/// # Errors
/// The library or the encoder fails. What was committed by then is kept.
pub fn reembed_examples(change: &mut ModelChange, progress: &dyn WorkProgress) -> Result<Reembedded, LabelError> {
    let index = change.library().index().clone();
    let mut work = Vec::new();
    for successor in change.successors() {
        if successor.old.name.starts_with(EXAMPLES) {
            work.push((successor.new.clone(), successor.missing(&index)?));
        }
    }
    let mut outcome = Reembedded::default();
    if work.is_empty() {
        return Ok(outcome);
    }
    progress.planned(work.iter().map(|(_, items)| items.len()).sum());
    let mut source = Source::new(change)?;
    for (space, items) in &work {
        for items in items.chunks(EXAMPLES_A_COMMIT) {
            if progress.cancelled() {
                outcome.interrupted = true;
                return Ok(outcome);
            }
            let mut vectors = Vec::with_capacity(items.len());
            for item in items {
                match source.vector(change, item)? {
                    Found::Vector(vector) => vectors.push((item, vector)),
                    Found::Nothing { path } => outcome.lost.extend(path),
                }
            }
            commit(change, space, &vectors)?;
            progress.committed(items.len());
        }
    }
    Ok(outcome)
}

fn commit(change: &mut ModelChange, space: &Space, vectors: &[(&Item, Vec<f32>)]) -> Result<(), LabelError> {
    let mut batch = change.index_mut().batch();
    for (item, vector) in vectors {
        batch.upsert(space, &item.key, vector, &item.payload)?;
    }
    batch.commit()?;
    Ok(())
}

enum Found {
    Vector(Vec<f32>),
    /// The file is gone, or holds something else; `path` is missing for the backdrop, which nobody misses.
    Nothing {
        path: Option<PathBuf>,
    },
}

/// Finds examples again.
struct Source {
    library: Library,
    roots: Vec<(RootId, PathBuf)>,
    /// Opened when it is needed: most examples are photographs of the library.
    encoder: Option<Box<dyn ImageEncoder>>,
}

impl Source {
    fn new(change: &ModelChange) -> Result<Self, LabelError> {
        Ok(Self {
            library: change.library().clone(),
            roots: change.library().roots()?,
            encoder: None,
        })
    }

    fn encoder(&mut self, change: &ModelChange) -> Result<&dyn ImageEncoder, LabelError> {
        let encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => change.model().image_encoder()?,
        };
        Ok(&**self.encoder.insert(encoder))
    }

    fn vector(&mut self, change: &ModelChange, item: &Item) -> Result<Found, LabelError> {
        let record = ExampleRecord::decode(&item.payload)?;
        let hash: Hash = *item.key.last_chunk().ok_or(LibraryError::Record(ExampleRecord::WHAT))?;
        let images = change.images()?;
        let index = self.library.index().clone();
        if let Some(photo) = index.id_of_key(images.new.id, &hash)?
            && let Some(vector) = index.vector(images.new.id, photo)?
        {
            return Ok(Found::Vector(vector));
        }
        if record.label.is_empty() {
            let builtin = builtin::embed(self.encoder(change)?, &hash)?;
            return Ok(builtin.map_or(Found::Nothing { path: None }, Found::Vector));
        }
        let path = bytes_to_path(&record.path)?;
        let mut files = vec![path.clone()];
        if let Some(photo) = index.id_of_key(images.old.id, &hash)? {
            files.extend(self.library.files_of(&self.roots, &images.old, photo)?);
        }
        let encoder = self.encoder(change)?;
        for file in files {
            // One that cannot be read has become another, or is gone, all the same.
            if let Ok(example) = embed_example(encoder, &file)
                && example.hash == hash
            {
                return Ok(Found::Vector(example.vector));
            }
        }
        Ok(Found::Nothing { path: Some(path) })
    }
}
