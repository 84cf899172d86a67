//! Photographs of the library that examples are seen against.

use std::collections::HashMap;

use clipdex_index::{ItemId, Space};

use super::{ExampleRecord, Hash, StoredExample, builtin, example_key, stored_examples};
use crate::encoder::Model;
use crate::labels::LabelError;
use crate::library::{Library, LibraryWriter, Record};

/// As many show how near pictures lie to one another that have nothing to do with each other.
const PHOTOS: u64 = 256;

/// Of fewer photographs than this too little can be seen; then pictures that the program carries stand beside them.
const FEW: u64 = 32;

/// What has to be written so that the examples of a bank have their backdrop.
///
/// It is chosen when something is taught, and stays until something is taught again: what a photograph is recognised as
/// must not change with every photograph that is indexed.
pub(in crate::labels) struct Backdrop {
    /// Photographs that are no longer part of it.
    stale: Vec<ItemId>,
    /// New ones, with their vectors.
    new: Vec<(Hash, Vec<f32>)>,
}

impl Backdrop {
    /// The photographs that the library has now, or 256 of them, evenly. Nothing is to do where there are so many already.
    pub fn plan(library: &Library, model: &Model, examples: &Space) -> Result<Self, LabelError> {
        let photos = library.index().count(library.images()?.id)?;
        let stored = stored_examples(library.index(), examples)?.into_iter();
        let mut known: HashMap<Hash, ItemId> = stored
            .filter(StoredExample::is_backdrop)
            .map(|example| (example.hash, example.item))
            .collect();
        let mut new = Vec::new();
        if (known.len() as u64) < photos.clamp(FEW / 2, PHOTOS) {
            choose(library, photos, &mut known, &mut new)?;
            if photos < FEW {
                add_builtin(model, &mut known, &mut new)?;
            }
        } else {
            known.clear();
        }
        Ok(Self {
            stale: known.into_values().collect(),
            new,
        })
    }

    /// Writes it, in one commit.
    pub fn commit(&self, writer: &mut LibraryWriter, examples: &Space) -> Result<(), LabelError> {
        let record = ExampleRecord {
            label: String::new(),
            path: Vec::new(),
        };
        let payload = record.encode()?;
        let mut batch = writer.index_mut().batch();
        for item in &self.stale {
            batch.delete(examples, *item)?;
        }
        for (hash, vector) in &self.new {
            batch.upsert(examples, &example_key("", hash), vector, &payload)?;
        }
        batch.commit()?;
        Ok(())
    }
}

/// Takes photographs all over the library: out of `known`, or from there.
fn choose(
    library: &Library,
    photos: u64,
    known: &mut HashMap<Hash, ItemId>,
    new: &mut Vec<(Hash, Vec<f32>)>,
) -> Result<(), LabelError> {
    let (index, images) = (library.index(), library.images()?);
    let wanted = photos.min(PHOTOS);
    for (place, item) in (0..photos).zip(index.items(images.id)) {
        let item = item?;
        let chosen = place * wanted / photos != (place + 1) * wanted / photos;
        if chosen
            && let Ok(hash) = Hash::try_from(item.key)
            && known.remove(&hash).is_none()
            && let Some(vector) = index.vector(images.id, item.id)?
        {
            new.push((hash, vector));
        }
    }
    Ok(())
}

/// Takes the pictures that the program carries: out of `known`, or embedded.
fn add_builtin(
    model: &Model,
    known: &mut HashMap<Hash, ItemId>,
    new: &mut Vec<(Hash, Vec<f32>)>,
) -> Result<(), LabelError> {
    let missing: Vec<Hash> = builtin::pictures()
        .map(|(hash, _)| hash)
        .filter(|hash| known.remove(hash).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let encoder = model.image_encoder()?;
    for hash in missing {
        new.extend(builtin::embed(encoder.as_ref(), &hash)?.map(|vector| (hash, vector)));
    }
    Ok(())
}
