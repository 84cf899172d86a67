//! One open library: the index, the directories that it covers, and the model that made its vectors.

mod change;
mod error;
mod file_state;
mod location;
mod photo;
mod record;
mod verify;
mod writer;

use std::path::{Path, PathBuf};

use clipdex_index::{Index, IndexError, ItemId, Recall, RootId, SealOptions, SearchParams, Space, SpaceId, Writer};

use change::NEXT;
pub use change::{ModelChange, PendingChange, Successor};
pub use error::LibraryError;
pub(crate) use file_state::FileState;
pub use location::{bytes_to_path, default_library_dir, path_to_bytes, root_dir};
pub use photo::PhotoRecord;
pub(crate) use record::{Record, body_of};
pub use verify::verify;
pub use writer::LibraryWriter;

use crate::encoder::Model;
use photo::ImagesRecord;

/// Name of the space that holds the photographs' vectors.
const IMAGES: &str = "images";

/// Spaces behind this prefix hold what photographs were recognised as, out of the bank whose name follows. They are of
/// one model's making, and nothing of another's.
pub(crate) const TAGS: &str = "tags:";

/// Spaces of example photographs have names behind this prefix: pictures that teach a label bank.
pub(crate) const EXAMPLES: &str = "examples:";

/// How label banks are sealed. Recognition compares an image with every label, so a graph over a bank would serve nobody.
pub(crate) const SCANNED: SealOptions = SealOptions {
    graph_min_items: usize::MAX,
    threads: None,
};

/// A library opened for reading. It sees what was committed before it was opened and never blocks a writer.
#[derive(Clone)]
pub struct Library {
    dir: PathBuf,
    index: Index,
}

impl Library {
    /// Opens the library in `dir`.
    ///
    /// # Errors
    /// There is no library, or it is damaged or of a newer format.
    pub fn open(dir: &Path) -> Result<Self, LibraryError> {
        let dir = canonical(dir).map_err(|_| LibraryError::NotFound(dir.to_path_buf()))?;
        let index = match Index::open(&dir) {
            Err(IndexError::NotFound { .. }) => return Err(LibraryError::NotFound(dir)),
            opened => opened?,
        };
        Ok(Self { dir, index })
    }

    /// As [`Library::open`]. Where the log of the last commits is damaged, gives up what was committed behind the damage;
    /// whether it did.
    ///
    /// # Errors
    /// As of [`Library::open`], and where another writer has the library open.
    pub fn open_mended(dir: &Path) -> Result<(Self, bool), LibraryError> {
        match Self::open(dir) {
            Err(LibraryError::Index(IndexError::Database { .. })) => {
                drop(Writer::open_giving_up_log(dir)?);
                Ok((Self::open(dir)?, true))
            }
            opened => Ok((opened?, false)),
        }
    }

    /// Where the library lies, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The index beneath.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The space of photographs.
    pub fn images(&self) -> Result<Space, LibraryError> {
        self.index
            .space(IMAGES)?
            .ok_or_else(|| LibraryError::NoPhotos(self.dir.clone()))
    }

    /// Name of the model that the library was made with.
    pub fn model_name(&self) -> Result<String, LibraryError> {
        Ok(ImagesRecord::decode(&self.images()?.attributes)?.model)
    }

    /// The model that the library was made with: the one of that name, or `asked`, which may be another name or place of
    /// the same model.
    ///
    /// # Errors
    /// The model is not on this machine, or it makes other vectors than the library's.
    pub fn model(&self, asked: Option<&str>) -> Result<Model, LibraryError> {
        let images = self.images()?;
        let stored = ImagesRecord::decode(&images.attributes)?.model;
        let model = Model::open(asked.unwrap_or(&stored))?;
        let identity = model.identity();
        let dir = self.dir.clone();
        if images.fingerprint == identity.fingerprint.0 && images.dim == identity.dim {
            Ok(model)
        } else if identity.name == stored {
            Err(LibraryError::OtherWeights { dir, model: stored })
        } else {
            let asked = identity.name.clone();
            Err(LibraryError::OtherModel { dir, stored, asked })
        }
    }

    /// Spaces whose vectors are of the photographs' model: label banks, by whose texts photographs are searched.
    pub fn query_spaces(&self, images: &Space) -> Result<Vec<SpaceId>, LibraryError> {
        let spaces = self.index.spaces()?.into_iter();
        let is_query = |space: &Space| {
            let name = space.name.strip_prefix(NEXT).unwrap_or(&space.name);
            space.id != images.id && !name.starts_with(EXAMPLES)
        };
        let banks = spaces.filter(|space| is_query(space) && space.fingerprint == images.fingerprint);
        Ok(banks.map(|space| space.id).collect())
    }

    /// What searches with the usual settings find of the ten nearest photographs, measured on a sample.
    pub fn recall(&self) -> Result<Recall, LibraryError> {
        const QUERIES: usize = 200;
        let images = self.images()?;
        let queries = self.query_spaces(&images)?;
        Ok(self
            .index
            .recall(images.id, &queries, QUERIES, &SearchParams::default())?)
    }

    /// The directories that the library covers.
    pub fn roots(&self) -> Result<Vec<(RootId, PathBuf)>, LibraryError> {
        let roots = self.index.roots()?;
        roots
            .into_iter()
            .map(|root| Ok((root.id, root_dir(&root.location, &self.dir)?)))
            .collect()
    }

    /// What is known of a photograph.
    pub fn photo(&self, images: &Space, item: ItemId) -> Result<Option<PhotoRecord>, LibraryError> {
        self.index
            .item(images.id, item)?
            .map(|item| PhotoRecord::decode(&item.payload))
            .transpose()
    }

    /// The files that show a photograph, absolute; several where it was copied. `roots` are [`Library::roots`], read once
    /// for many photographs.
    pub fn files_of(
        &self,
        roots: &[(RootId, PathBuf)],
        images: &Space,
        item: ItemId,
    ) -> Result<Vec<PathBuf>, LibraryError> {
        let mut files = Vec::new();
        for (root, relative) in self.index.files_of(images.id, item)? {
            if let Some((_, dir)) = roots.iter().find(|(id, _)| *id == root) {
                files.push(dir.join(bytes_to_path(&relative)?));
            }
        }
        Ok(files)
    }

    /// The photograph that the library has of this file, as long as the file is as it was when it was indexed. The path
    /// may be relative to the current directory.
    pub fn item_of_file(&self, file: &Path) -> Result<Option<ItemId>, LibraryError> {
        let Ok(file) = canonical(file) else { return Ok(None) };
        let Ok(state) = file.metadata().map(|metadata| FileState::of(&metadata)) else {
            return Ok(None);
        };
        for (root, dir) in self.roots()? {
            if let Ok(relative) = file.strip_prefix(&dir)
                && let Some(record) = self.index.file(root, &path_to_bytes(relative)?)?
                && FileState::recorded(&record) == state
            {
                return Ok(Some(record.item));
            }
        }
        Ok(None)
    }
}

fn canonical(path: &Path) -> Result<PathBuf, LibraryError> {
    path.canonicalize().map_err(|source| LibraryError::Path {
        path: path.to_path_buf(),
        source,
    })
}
