//! Writing a library: opening, spaces and roots. Items and files are written in a [`Batch`].

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use crate::batch::Batch;
use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::segment;
use crate::store::codec::{Counters, NextIds, Record, RootRecord, SegmentRecord, SpaceRecord};
use crate::store::{Cf, Changes, Store, WriterLock, keys};
use crate::types::{CommitSummary, RootId, Space, SpaceId};

/// The one writer of a library. It holds the library's lock until it and every clone of its [`Index`] are dropped.
#[derive(Debug)]
pub struct Writer {
    index: Index,
}

impl Writer {
    /// Opens the library in `dir` for writing, and creates the directory and the library where they are missing.
    ///
    /// # Errors
    /// [`IndexError::Locked`] when another writer has it open, [`IndexError::UnsupportedFormat`] when a newer program
    /// wrote it, [`IndexError::Corrupt`] when it is damaged.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(IndexError::io(dir))?;
        let lock = WriterLock::acquire(dir)?;
        let store = Store::open_primary(dir)?;
        remove_unnamed_segments(&store, dir)?;
        Ok(Self {
            index: Index::new(store, dir, Some(lock)),
        })
    }

    /// The library as committed so far; a clone of it may be read while a batch is being filled.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Begins a batch. What is put into it shows nowhere else until it is committed; dropped, it leaves nothing.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// The space with this name, created where it is missing; an existing one keeps its attributes.
    ///
    /// # Errors
    /// [`IndexError::FingerprintMismatch`] or [`IndexError::DimensionMismatch`] when a space of this name holds
    /// vectors of another encoder, [`IndexError::InvalidSpace`] for an empty name or no dimensions.
    pub fn create_space(&mut self, name: &str, dim: usize, fingerprint: [u8; 32], attributes: &[u8]) -> Result<Space> {
        if let Some(space) = self.index.space(name)? {
            if space.dim != dim {
                return Err(IndexError::DimensionMismatch {
                    space: space.name,
                    stored: space.dim,
                    given: dim,
                });
            }
            check_fingerprint(&space.name, space.fingerprint, fingerprint)?;
            return Ok(space);
        }
        let record = SpaceRecord {
            name: name.to_owned(),
            dim: u32::try_from(dim).unwrap_or_default(),
            fingerprint,
            attributes: attributes.to_vec(),
        };
        if name.is_empty() || record.dim == 0 {
            let reason = if name.is_empty() {
                "its name is empty".to_owned()
            } else {
                format!("{dim} dimensions")
            };
            return Err(IndexError::InvalidSpace { reason });
        }
        let mut changes = Changes::default();
        let id = SpaceId(self.take_id(&mut changes, "space", |next| &mut next.space)?);
        changes.put_record(Cf::Spaces, keys::space(id), &record)?;
        changes.put_record(Cf::Meta, keys::counters(id), &Counters::default())?;
        self.index.write(&changes, [id])?;
        record.into_space(id)
    }

    /// Replaces the caller's own data about a space.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`].
    pub fn set_attributes(&mut self, id: SpaceId, attributes: &[u8]) -> Result<()> {
        let key = keys::space(id);
        let mut record: SpaceRecord = self
            .index
            .store()
            .record(Cf::Spaces, &key)?
            .ok_or(IndexError::NoSuchSpace { id })?;
        record.attributes = attributes.to_vec();
        let mut changes = Changes::default();
        changes.put_record(Cf::Spaces, key, &record)?;
        self.index.write(&changes, [id])
    }

    /// Removes a space with its items, its segment, and the records of files that name its items.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`].
    pub fn drop_space(&mut self, id: SpaceId) -> Result<()> {
        let prefix = keys::space(id);
        let store = self.index.store();
        if store.get(Cf::Spaces, &prefix)?.is_none() {
            return Err(IndexError::NoSuchSpace { id });
        }
        let mut changes = Changes::default();
        let mut scan = store.scan(Cf::ItemFiles, &prefix);
        while let Some((key, _)) = scan.advance()? {
            let (_, _, root, rel) = keys::parse_item_file(key)?;
            changes.delete(Cf::Files, keys::file(root, rel));
        }
        clear_space(&mut changes, id);
        self.index.write(&changes, [id])?;
        remove_unnamed_segments(self.index.store(), self.index.dir())
    }

    /// The root at a location, in the caller's own encoding; created where it is missing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_root(&mut self, location: &[u8]) -> Result<RootId> {
        if let Some(root) = self.index.roots()?.into_iter().find(|root| root.location == location) {
            return Ok(root.id);
        }
        let mut changes = Changes::default();
        let id = RootId(self.take_id(&mut changes, "root", |next| &mut next.root)?);
        changes.put_record(
            Cf::Roots,
            keys::root(id),
            &RootRecord {
                location: location.to_vec(),
            },
        )?;
        self.index.write(&changes, [])?;
        Ok(id)
    }

    /// Removes a root with its file and failure records, and the items that no other file names.
    ///
    /// # Errors
    /// [`IndexError::NoSuchRoot`].
    pub fn remove_root(&mut self, id: RootId) -> Result<CommitSummary> {
        let mut batch = self.batch();
        batch.remove_root(id)?;
        batch.commit()
    }

    fn take_id(
        &self,
        changes: &mut Changes,
        what: &'static str,
        field: impl Fn(&mut NextIds) -> &mut u32,
    ) -> Result<u32> {
        let mut next: NextIds = self.index.store().record(Cf::Meta, keys::NEXT_IDS)?.unwrap_or_default();
        let id = *field(&mut next);
        *field(&mut next) = id.checked_add(1).ok_or(IndexError::Exhausted { what })?;
        changes.put_record(Cf::Meta, keys::NEXT_IDS, &next)?;
        Ok(id)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Readers open faster without a log to replay. Nothing is lost if it fails: the log holds every commit.
        let _ = self.index.store().flush();
    }
}

/// Deletes a space with all that is stored under its id. The records of files lie elsewhere.
pub(crate) fn clear_space(changes: &mut Changes, id: SpaceId) {
    let prefix = keys::space(id);
    for cf in Cf::OF_A_SPACE {
        changes.clear(cf, &prefix);
    }
    changes.delete(Cf::Spaces, prefix);
    changes.delete(Cf::Meta, keys::counters(id));
}

pub(crate) fn check_fingerprint(space: &str, stored: [u8; 32], given: [u8; 32]) -> Result<()> {
    if stored == given {
        return Ok(());
    }
    Err(IndexError::FingerprintMismatch {
        space: space.to_owned(),
        stored,
        given,
    })
}

/// Removes the segment files that no record names: of dropped spaces, of earlier sealings, of interrupted ones.
pub(crate) fn remove_unnamed_segments(store: &Store, library: &Path) -> Result<()> {
    let directory = segment::directory(library);
    if !directory.exists() {
        return Ok(());
    }
    let mut named = HashSet::new();
    let mut scan = store.scan(Cf::Segments, &[]);
    while let Some((key, value)) = scan.advance()? {
        if key.ends_with(b"s") && key.len() == 5 {
            named.insert(SegmentRecord::decode(value)?.name);
        }
    }
    for entry in fs::read_dir(&directory).map_err(IndexError::io(&directory))? {
        let entry = entry.map_err(IndexError::io(&directory))?;
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.ends_with(".seg") || name.ends_with(".seg.tmp"));
        if ours && name.to_str().is_some_and(|name| !named.contains(name)) {
            let path = entry.path();
            fs::remove_file(&path).map_err(IndexError::io(&path))?;
        }
    }
    Ok(())
}
