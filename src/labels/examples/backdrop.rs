//! Photographs of the library that examples are seen against.

use std::collections::HashMap;

use clipdex_index::{ItemId, Space};

use super::{ExampleRecord, Hash, example_key, stored_examples};
use crate::labels::LabelError;
use crate::library::{Library, LibraryWriter, Record};

/// As many show how near pictures lie to one another that have nothing to do with each other.
const PHOTOS: u64 = 256;

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
    /// The photographs that the library has now, or 256 of them, evenly; nothing to do where there are so many already,
    /// or all.
    pub fn plan(library: &Library, examples: &Space) -> Result<Self, LabelError> {
        let stored = stored_examples(library.index(), examples)?.into_iter();
        let mut known: HashMap<Hash, ItemId> = stored
            .filter(|example| example.is_backdrop())
            .map(|example| (example.hash, example.item))
            .collect();
        let (index, images) = (library.index(), library.images()?);
        let photos = index.count(images.id)?;
        let mut plan = Self {
            stale: Vec::new(),
            new: Vec::new(),
        };
        if known.len() as u64 >= photos.min(PHOTOS) {
            return Ok(plan);
        }
        let wanted = photos.min(PHOTOS);
        for (place, item) in (0..).zip(index.items(images.id)) {
            let item = item?;
            let chosen = place * wanted / photos != (place + 1) * wanted / photos;
            let hash: Option<Hash> = item.key.try_into().ok();
            if let Some(hash) = hash.filter(|_| chosen)
                && known.remove(&hash).is_none()
                && let Some(vector) = index.vector(images.id, item.id)?
            {
                plan.new.push((hash, vector));
            }
        }
        plan.stale.extend(known.into_values());
        Ok(plan)
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
