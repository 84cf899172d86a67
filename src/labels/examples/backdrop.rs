//! Photographs of the library that examples are seen against.

use std::collections::HashMap;

use clipdex_index::ItemId;

use super::{ExampleRecord, ExamplesChange, Hash, StoredExample, builtin, stored_examples};
use crate::encoder::Model;
use crate::labels::LabelError;
use crate::library::Library;

/// As many show how near pictures lie to one another that have nothing to do with each other.
const PHOTOS: u64 = 256;

/// Of fewer photographs than this too little can be seen; then pictures that the program carries stand beside them.
const FEW: u64 = 32;

/// Chooses the photographs that the examples of a bank are seen against: those that the library has now, or 256 of them,
/// evenly. Nothing changes where there are so many already.
///
/// They are chosen when something is taught, and stay until something is taught again: what a photograph is recognised as
/// must not change with every photograph that is indexed.
pub(in crate::labels) fn choose_backdrop(
    library: &Library,
    model: &Model,
    change: &mut ExamplesChange,
) -> Result<(), LabelError> {
    let photos = library.index().count(library.images()?.id)?;
    let stored = stored_examples(library.index(), change.space())?.into_iter();
    let mut known: HashMap<Hash, ItemId> = stored
        .filter(StoredExample::is_backdrop)
        .map(|example| (example.hash, example.item))
        .collect();
    if (known.len() as u64) >= photos.clamp(FEW / 2, PHOTOS) {
        return Ok(());
    }
    let mut new = Vec::new();
    choose(library, photos, &mut known, &mut new)?;
    if photos < FEW {
        add_builtin(model, &mut known, &mut new)?;
    }
    known.into_values().for_each(|item| change.remove(item));
    for (hash, vector) in new {
        change.put(&hash, vector, ExampleRecord::backdrop());
    }
    Ok(())
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
