use std::fs;
use std::path::Path;

use clipdex_index::{RootId, Space, Writer};

use super::location::encode_root;
use super::photo::ImagesRecord;
use super::{IMAGES, Library, LibraryError, Record, canonical};
use crate::encoder::{Model, default_model};

/// A library opened for writing. There is one at a time; readers go on beside it.
pub struct LibraryWriter {
    library: Library,
    writer: Writer,
    model: Model,
    images: Space,
}

impl LibraryWriter {
    /// Opens the library in `dir`, and makes it where there is none, with the model `asked` or the default one.
    ///
    /// # Errors
    /// Another process writes to it, it was made with another model, or the directory cannot be written.
    pub fn open(dir: &Path, asked: Option<&str>) -> Result<Self, LibraryError> {
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
        let (model, images) = match library.index.space(IMAGES)? {
            Some(images) => (library.model(asked)?, images),
            None => {
                let model = Model::open(asked.unwrap_or_else(|| default_model()))?;
                let identity = model.identity();
                let attributes = ImagesRecord {
                    model: identity.name.clone(),
                }
                .encode()?;
                let images = writer.create_space(IMAGES, identity.dim, identity.fingerprint.0, &attributes)?;
                (model, images)
            }
        };
        Ok(Self {
            library,
            writer,
            model,
            images,
        })
    }

    /// The same library for reading: it sees every commit of this writer.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The model that makes the library's vectors.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The space of photographs.
    pub fn images(&self) -> &Space {
        &self.images
    }

    /// The index beneath, for batches.
    pub fn index_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Notes that the library covers `dir`, an absolute path.
    pub fn add_root(&mut self, dir: &Path) -> Result<RootId, LibraryError> {
        let location = encode_root(dir, &self.library.dir)?;
        Ok(self.writer.add_root(&location)?)
    }
}
