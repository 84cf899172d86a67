//! Changing the model of a library: everything is embedded anew beside what is there, and takes its place in one step.

use std::path::Path;

use clipdex_index::{Index, Item, Replacement, SealObserver, SealOptions, Space, Writer};

use super::photo::ImagesRecord;
use super::{IMAGES, Library, LibraryError, Record, TAGS};
use crate::encoder::{Device, Model, Precision};

/// A space that is to take another's place has the other's name behind this.
pub(super) const NEXT: &str = "next:";

/// Items that are deleted in one commit: bounded, so that no commit is huge.
const ITEMS_A_COMMIT: usize = 10_000;

/// A library whose photographs and labels are being embedded anew by another model, open for writing.
///
/// Until [`ModelChange::finish`] the library answers from what it has. What is committed here is found again by the
/// next change to the same model, whatever ended this one.
pub struct ModelChange {
    library: Library,
    writer: Writer,
    model: Model,
    successors: Vec<Successor>,
}

/// A space, and the one that is to take its place. Items correspond by their keys.
#[derive(Clone, Debug)]
pub struct Successor {
    /// What the library has.
    pub old: Space,
    /// What the new model makes of it.
    pub new: Space,
}

/// A change of model that was begun and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingChange {
    /// Name of the new model.
    pub model: String,
    /// Photographs that it has embedded.
    pub done: u64,
}

impl ModelChange {
    /// Begins to change the library in `dir` to the model `asked`, or goes on; `None` where there is nothing to change:
    /// the library has that model, or no photographs at all.
    ///
    /// # Errors
    /// The model cannot be opened, another process writes to the library, or the library is damaged.
    pub fn begin(dir: &Path, asked: &str) -> Result<Option<Self>, LibraryError> {
        let images = match Library::open(dir).and_then(|library| library.images()) {
            Ok(images) => images,
            Err(LibraryError::NotFound(_) | LibraryError::NoPhotos(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let model = Model::open(asked)?;
        if images.fingerprint == model.identity().fingerprint.0 {
            return Ok(None);
        }
        let dir = super::canonical(dir)?;
        let mut writer = Writer::open(&dir)?;
        let successors = successors(&mut writer, &model)?;
        let library = Library {
            dir,
            index: writer.index().clone(),
        };
        Ok(Some(Self {
            library,
            writer,
            model,
            successors,
        }))
    }

    /// The same change, whose new model will compute in `precision`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.model = self.model.with_precision(precision);
        self
    }

    /// The same change, whose new model will compute on `device`.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.model = self.model.with_device(device);
        self
    }

    /// The library, which still answers with its old model.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The new model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Every space of the library with its successor.
    pub fn successors(&self) -> &[Successor] {
        &self.successors
    }

    /// The space of photographs with its successor.
    pub fn images(&self) -> Result<&Successor, LibraryError> {
        let mut all = self.successors.iter();
        all.find(|successor| successor.old.name == IMAGES)
            .ok_or_else(|| LibraryError::NoPhotos(self.library.dir.clone()))
    }

    /// The index beneath, for batches that fill the new spaces.
    pub fn index_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Brings the photographs' new vectors to where searches are quick. Label banks that were embedded by then train the
    /// graph.
    pub fn settle(&mut self, observer: &dyn SealObserver) -> Result<(), LibraryError> {
        let images = self.images()?.new.clone();
        let queries = self.library.query_spaces(&images)?;
        self.writer.set_training(images.id, queries);
        self.writer.settle(&images, &SealOptions::default(), observer)?;
        Ok(())
    }

    /// Puts the new spaces in the place of the old ones, in one commit. Items that were not embedded anew are forgotten,
    /// and their files with them. The tags that the old model gave go first.
    pub fn finish(mut self) -> Result<(), LibraryError> {
        for Successor { old, new } in &self.successors {
            delete_stale(&mut self.writer, old, new)?;
        }
        for space in self.writer.index().spaces()? {
            if space.name.starts_with(TAGS) {
                self.writer.drop_space(space.id)?;
            }
        }
        let replacements: Vec<_> = self.successors.iter().map(Successor::replacement).collect();
        Ok(self.writer.replace_spaces(&replacements)?)
    }
}

impl Successor {
    /// The items that the new model has not embedded: those whose key the new space lacks.
    pub fn missing(&self, index: &Index) -> Result<Vec<Item>, LibraryError> {
        let mut missing = Vec::new();
        for item in index.items(self.old.id) {
            let item = item?;
            if index.id_of_key(self.new.id, &item.key)?.is_none() {
                missing.push(item);
            }
        }
        Ok(missing)
    }

    fn replacement(&self) -> Replacement {
        Replacement {
            old: self.old.id,
            new: self.new.id,
        }
    }
}

impl Library {
    /// The change of model that was begun and not finished, if there is one.
    pub fn pending_change(&self) -> Result<Option<PendingChange>, LibraryError> {
        let Some(space) = self.index.space(&format!("{NEXT}{IMAGES}"))? else {
            return Ok(None);
        };
        Ok(Some(PendingChange {
            model: ImagesRecord::decode(&space.attributes)?.model,
            done: self.index.count(space.id)?,
        }))
    }
}

/// Drops what an unfinished change has made; whether there was any.
pub(super) fn give_up(writer: &mut Writer) -> Result<bool, LibraryError> {
    let mut any = false;
    for space in writer.index().spaces()? {
        if space.name.starts_with(NEXT) {
            writer.drop_space(space.id)?;
            any = true;
        }
    }
    Ok(any)
}

/// The spaces with their successors. What an earlier change to yet another model made, or one of a bank that is gone,
/// is dropped.
fn successors(writer: &mut Writer, model: &Model) -> Result<Vec<Successor>, LibraryError> {
    let identity = model.identity();
    let (next, old): (Vec<_>, Vec<_>) = writer
        .index()
        .spaces()?
        .into_iter()
        .partition(|space| space.name.starts_with(NEXT));
    for space in next {
        let of = |old: &Space| space.name.strip_prefix(NEXT) == Some(&old.name);
        if space.fingerprint != identity.fingerprint.0 || space.dim != identity.dim || !old.iter().any(of) {
            writer.drop_space(space.id)?;
        }
    }
    let images = ImagesRecord::of(model).encode()?;
    let mut successors = Vec::new();
    for old in old.into_iter().filter(|space| !space.name.starts_with(TAGS)) {
        // A bank's attributes may have changed since the change was begun, and the model may have moved.
        let attributes = if old.name == IMAGES { &images } else { &old.attributes };
        let name = format!("{NEXT}{}", old.name);
        let mut new = writer.create_space(&name, identity.dim, identity.fingerprint.0, attributes)?;
        if new.attributes != *attributes {
            writer.set_attributes(new.id, attributes)?;
            new.attributes.clone_from(attributes);
        }
        successors.push(Successor { old, new });
    }
    Ok(successors)
}

/// Deletes the items of the new space that the old one does not have any more.
fn delete_stale(writer: &mut Writer, old: &Space, new: &Space) -> Result<(), LibraryError> {
    let index = writer.index();
    let mut stale = Vec::new();
    for item in index.items(new.id) {
        let item = item?;
        if index.id_of_key(old.id, &item.key)?.is_none() {
            stale.push(item.id);
        }
    }
    for items in stale.chunks(ITEMS_A_COMMIT) {
        let mut batch = writer.batch();
        for item in items {
            batch.delete(new, *item)?;
        }
        batch.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_models_banks_are_the_queries_of_its_photographs() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(directory.path()).unwrap();
        let mut space = |name: &str, fingerprint| writer.create_space(name, 8, [fingerprint; 32], b"").unwrap();
        let images = space("next:images", 1);
        let bank = space("next:bank:things", 1);
        space("next:examples:things", 1);
        space("images", 2);
        space("bank:things", 2);
        let library = Library {
            dir: directory.path().to_owned(),
            index: writer.index().clone(),
        };
        assert_eq!(library.query_spaces(&images).unwrap(), [bank.id]);
    }
}
