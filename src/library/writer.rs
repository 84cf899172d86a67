use std::fs;
use std::path::Path;

use clipdex_index::{RootId, SealObserver, SealOptions, SealSummary, Space, Writer};

use super::location::encode_root;
use super::photo::ImagesRecord;
use super::{IMAGES, Library, LibraryError, Record, SCANNED, canonical, change};
use crate::encoder::{Device, Model, Precision};

/// A library opened for writing. There is one at a time; readers go on beside it.
pub struct LibraryWriter {
    library: Library,
    writer: Writer,
    model: Model,
    images: Space,
    is_new: bool,
}

impl LibraryWriter {
    /// Opens the library in `dir`, and makes it where there is none: with the model `asked`, or `default` where none is
    /// asked for. A library that is there keeps its model.
    ///
    /// # Errors
    /// Another process writes to it, it was made with another model than the one asked for, or the directory cannot be
    /// written.
    pub fn open(dir: &Path, asked: Option<&str>, default: &str) -> Result<Self, LibraryError> {
        fs::create_dir_all(dir).map_err(|source| LibraryError::Path {
            path: dir.to_path_buf(),
            source,
        })?;
        let dir = canonical(dir)?;
        let mut writer = Writer::open(&dir)?;
        let library = Library {
            dir,
            index: writer.index().clone(),
        };
        let known = library.index.space(IMAGES)?;
        let is_new = known.is_none();
        let (model, images) = match known {
            Some(mut images) => {
                let model = library.model(asked)?;
                remember(&mut writer, &mut images, &model)?;
                (model, images)
            }
            None => {
                let model = Model::open(asked.unwrap_or(default))?;
                let identity = model.identity();
                let attributes = ImagesRecord::of(&model).encode()?;
                let images = writer.create_space(IMAGES, identity.dim, identity.fingerprint.0, &attributes)?;
                (model, images)
            }
        };
        let mut opened = Self {
            library,
            writer,
            model,
            images,
            is_new,
        };
        opened.train()?;
        Ok(opened)
    }

    /// The same library, whose model will compute in `precision`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.model = self.model.with_precision(precision);
        self
    }

    /// The same library, whose model will compute on `device`.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.model = self.model.with_device(device);
        self
    }

    /// The same library for reading: it sees every commit of this writer.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The model that makes the library's vectors.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether this opening made the library.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The space of photographs.
    pub fn images(&self) -> &Space {
        &self.images
    }

    /// Gives up a change of model that was begun and not finished; whether there was one.
    pub fn give_up_change(&mut self) -> Result<bool, LibraryError> {
        change::give_up(&mut self.writer)
    }

    /// The index beneath, for batches.
    pub fn index_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Seals and merges the photographs' vectors in the background where that has become due, and makes current what is
    /// finished. To be called after every batch; it never waits.
    pub fn tend(&mut self) -> Result<(), LibraryError> {
        Ok(self.writer.tend(&self.images, &SealOptions::default())?)
    }

    /// Brings the photographs' vectors to where searches are quick, now that no more are coming. Label banks of the
    /// same model train the graph: their texts are what photographs are searched by.
    pub fn settle(&mut self, observer: &dyn SealObserver) -> Result<Option<SealSummary>, LibraryError> {
        self.train()?;
        Ok(self.writer.settle(&self.images, &SealOptions::default(), observer)?)
    }

    /// As [`LibraryWriter::settle`], for the label banks too.
    pub fn settle_all(&mut self, observer: &dyn SealObserver) -> Result<(), LibraryError> {
        self.settle(observer)?;
        let banks = self.writer.index().spaces()?.into_iter();
        for bank in banks.filter(|space| space.id != self.images.id) {
            self.writer.settle(&bank, &SCANNED, observer)?;
        }
        Ok(())
    }

    /// Writes the photographs' vectors to one segment, with a graph that the label banks train.
    pub fn compact(&mut self, observer: &dyn SealObserver) -> Result<SealSummary, LibraryError> {
        self.train()?;
        Ok(self
            .writer
            .seal_observed(&self.images, &SealOptions::default(), observer)?)
    }

    fn train(&mut self) -> Result<(), LibraryError> {
        let queries = self.library.query_spaces(&self.images)?;
        self.writer.set_training(self.images.id, queries);
        Ok(())
    }

    /// Notes that the library covers `dir`, an absolute path.
    pub fn add_root(&mut self, dir: &Path) -> Result<RootId, LibraryError> {
        let location = encode_root(dir, &self.library.dir)?;
        Ok(self.writer.add_root(&location)?)
    }
}

/// Notes where the model is now: its directory may have moved.
fn remember(writer: &mut Writer, images: &mut Space, model: &Model) -> Result<(), LibraryError> {
    let attributes = ImagesRecord::of(model).encode()?;
    if images.attributes != attributes {
        writer.set_attributes(images.id, &attributes)?;
        images.attributes = attributes;
    }
    Ok(())
}
