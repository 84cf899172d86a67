//! Writes that are committed together or not at all.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringTreemap;

use crate::error::{IndexError, Result};
use crate::matrix::check_unit;
use crate::reader::Index;
use crate::store::codec::{
    Counters, ItemRecord, KeyRecord, Record, SegmentRecord, SpaceRecord, decode_tombstones, encode_tombstones,
    encode_vector,
};
use crate::store::{Cf, Changes, Store, View, keys};
use crate::types::{CommitSummary, FailureRecord, FileRecord, ItemId, RootId, Space, SpaceId};
use crate::writer::{Writer, check_fingerprint};

/// Writes of items and files, committed together. Every operation sees those before it. One that is refused leaves
/// the batch as it was.
///
/// An item that files name lives as long as one file names it: when a batch takes the last of them away, the item
/// goes with it at the commit. Items that no file ever named live until they are deleted.
pub struct Batch<'w> {
    /// Borrowed to the end, so that no other batch can take the same ids.
    writer: &'w mut Writer,
    changes: Changes,
    spaces: BTreeMap<SpaceId, SpaceChanges>,
    /// Items that a file stopped naming.
    abandoned: BTreeSet<(SpaceId, ItemId)>,
    summary: CommitSummary,
}

/// A space's records that a batch changes again and again.
struct SpaceChanges {
    record: SpaceRecord,
    counters: Counters,
    /// Of each segment; loaded when the first sealed item is deleted or replaced.
    tombstones: Option<Vec<Tombstones>>,
    /// Items that were written or deleted.
    touched: RoaringTreemap,
}

/// The items that a segment may have and that no longer hold.
struct Tombstones {
    segment: SegmentRecord,
    ids: RoaringTreemap,
    changed: bool,
}

impl<'w> Batch<'w> {
    pub(crate) fn new(writer: &'w mut Writer) -> Self {
        Self {
            writer,
            changes: Changes::default(),
            spaces: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            summary: CommitSummary::default(),
        }
    }

    /// Writes an item. A key that is there keeps its id, and its vector and payload are replaced; a new one gets the
    /// next id. The vector is rounded to f16.
    ///
    /// # Errors
    /// [`IndexError::FingerprintMismatch`] when `space` is of another encoder than the stored space,
    /// [`IndexError::DimensionMismatch`] or [`IndexError::InvalidVector`] for the vector.
    pub fn upsert(&mut self, space: &Space, key: &[u8], vector: &[f32], payload: &[u8]) -> Result<ItemId> {
        let stored = self.space(space.id)?;
        check_fingerprint(&stored.record.name, stored.record.fingerprint, space.fingerprint)?;
        check_unit(&stored.record.name, stored.record.dim as usize, vector)?;
        let id = match self.id_of_key(space.id, key)? {
            Some(id) => {
                self.leave_segment(space.id, id)?;
                id
            }
            None => self.new_item(space.id, key)?,
        };
        let stored_key = keys::item(space.id, id);
        let record = ItemRecord {
            key: key.to_vec(),
            payload: payload.to_vec(),
        };
        self.changes.put_record(Cf::Items, stored_key, &record)?;
        self.changes.put(Cf::Vectors, stored_key, encode_vector(vector));
        self.space(space.id)?.touched.insert(id);
        self.summary.items_written += 1;
        Ok(id)
    }

    /// The id of the item with a key, as this batch would leave it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn id_of_key(&self, space: SpaceId, key: &[u8]) -> Result<Option<ItemId>> {
        let record: Option<KeyRecord> = self.view().record(Cf::Keys, &keys::item_key(space, key))?;
        Ok(record.map(|record| record.id))
    }

    /// Replaces the payload of an item.
    ///
    /// # Errors
    /// [`IndexError::NoSuchItem`].
    pub fn set_payload(&mut self, space: &Space, id: ItemId, payload: &[u8]) -> Result<()> {
        let key = keys::item(space.id, id);
        let record: Option<ItemRecord> = self.view().record(Cf::Items, &key)?;
        let record = record.ok_or_else(|| IndexError::NoSuchItem {
            space: space.name.clone(),
            id,
        })?;
        self.changes.put_record(
            Cf::Items,
            key,
            &ItemRecord {
                payload: payload.to_vec(),
                ..record
            },
        )
    }

    /// Deletes an item and the records of the files that name it; whether it was there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn delete(&mut self, space: &Space, id: ItemId) -> Result<bool> {
        self.delete_item(space.id, id)
    }

    /// Catalogues a file, in place of what is known of its path, and clears its failure.
    ///
    /// # Errors
    /// [`IndexError::NoSuchRoot`], [`IndexError::NoSuchSpace`] or [`IndexError::NoSuchItem`] when it names what is
    /// not there.
    pub fn put_file(&mut self, root: RootId, rel: &[u8], record: &FileRecord) -> Result<()> {
        self.check_root(root)?;
        if !self
            .view()
            .contains(Cf::Items, &keys::item(record.space, record.item))?
        {
            let space = self.space(record.space)?.record.name.clone();
            return Err(IndexError::NoSuchItem { space, id: record.item });
        }
        let key = keys::file(root, rel);
        if let Some(old) = self.view().record::<FileRecord>(Cf::Files, &key)? {
            self.unlink_file(root, rel, &old);
        }
        self.changes.put_record(Cf::Files, key.clone(), record)?;
        self.changes.put(
            Cf::ItemFiles,
            keys::item_file(record.space, record.item, root, rel),
            Vec::new(),
        );
        self.changes.delete(Cf::Failures, key);
        self.summary.files_written += 1;
        Ok(())
    }

    /// Removes a file from the catalogue; whether it was there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn remove_file(&mut self, root: RootId, rel: &[u8]) -> Result<bool> {
        let key = keys::file(root, rel);
        let Some(old) = self.view().record::<FileRecord>(Cf::Files, &key)? else {
            return Ok(false);
        };
        self.unlink_file(root, rel, &old);
        self.changes.delete(Cf::Files, key);
        self.summary.files_removed += 1;
        Ok(true)
    }

    /// Records that a file could not be read. What is catalogued of it stays.
    ///
    /// # Errors
    /// [`IndexError::NoSuchRoot`].
    pub fn put_failure(&mut self, root: RootId, rel: &[u8], record: &FailureRecord) -> Result<()> {
        self.check_root(root)?;
        self.changes.put_record(Cf::Failures, keys::file(root, rel), record)
    }

    /// Forgets that a file could not be read.
    pub fn clear_failure(&mut self, root: RootId, rel: &[u8]) {
        self.changes.delete(Cf::Failures, keys::file(root, rel));
    }

    /// Writes everything at once, synced to the disk.
    ///
    /// # Errors
    /// When the database fails; then nothing of the batch is stored.
    pub fn commit(mut self) -> Result<CommitSummary> {
        for (space, id) in std::mem::take(&mut self.abandoned) {
            if self.view().keys(Cf::ItemFiles, &keys::item(space, id))?.is_empty() {
                self.delete_item(space, id)?;
            }
        }
        self.spaces.retain(|_, space| !space.touched.is_empty());
        for (id, space) in &mut self.spaces {
            space.counters.revision += 1;
            self.changes
                .put_record(Cf::Meta, keys::counters(*id), &space.counters)?;
            for Tombstones { segment, ids, changed } in space.tombstones.iter().flatten() {
                if *changed {
                    let key = keys::tombstones(*id, &segment.name);
                    self.changes.put(Cf::Segments, key, encode_tombstones(ids)?);
                }
            }
        }
        self.index().write(&self.changes, self.spaces.keys().copied())?;
        for (id, space) in self.spaces {
            self.writer.note_touched(id, &space.touched);
        }
        Ok(self.summary)
    }

    /// Removes a root with everything that hangs on it.
    pub(crate) fn remove_root(&mut self, root: RootId) -> Result<()> {
        self.check_root(root)?;
        let prefix = keys::root(root);
        for key in self.view().keys(Cf::Files, &prefix)? {
            let (_, rel) = keys::parse_file(&key)?;
            self.remove_file(root, rel)?;
        }
        for key in self.view().keys(Cf::Failures, &prefix)? {
            self.changes.delete(Cf::Failures, key);
        }
        self.changes.delete(Cf::Roots, prefix);
        Ok(())
    }

    fn index(&self) -> &Index {
        self.writer.index()
    }

    fn view(&self) -> View<'_> {
        View {
            store: self.index().store(),
            changes: &self.changes,
        }
    }

    /// The space's records, loaded at the first use.
    fn space(&mut self, id: SpaceId) -> Result<&mut SpaceChanges> {
        use std::collections::btree_map::Entry;

        let store = self.writer.index().store();
        match self.spaces.entry(id) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let record: SpaceRecord = store
                    .record(Cf::Spaces, &keys::space(id))?
                    .ok_or(IndexError::NoSuchSpace { id })?;
                let counters = store.record(Cf::Meta, &keys::counters(id))?;
                let counters = counters
                    .ok_or_else(|| IndexError::corrupt("counters", format_args!("`{}` has none", record.name)))?;
                Ok(entry.insert(SpaceChanges {
                    record,
                    counters,
                    tombstones: None,
                    touched: RoaringTreemap::new(),
                }))
            }
        }
    }

    fn check_root(&self, id: RootId) -> Result<()> {
        let there = self.view().contains(Cf::Roots, &keys::root(id))?;
        there.then_some(()).ok_or(IndexError::NoSuchRoot { id })
    }

    fn new_item(&mut self, space: SpaceId, key: &[u8]) -> Result<ItemId> {
        let counters = &mut self.space(space)?.counters;
        let id = counters.next_item;
        counters.next_item = id.checked_add(1).ok_or(IndexError::Exhausted { what: "item" })?;
        counters.items += 1;
        counters.unsealed += 1;
        self.changes
            .put_record(Cf::Keys, keys::item_key(space, key), &KeyRecord { id })?;
        self.changes.put(Cf::Unsealed, keys::item(space, id), Vec::new());
        Ok(id)
    }

    /// Makes an item unsealed, for its vector is replaced.
    fn leave_segment(&mut self, space: SpaceId, id: ItemId) -> Result<()> {
        let key = keys::item(space, id);
        if self.view().contains(Cf::Unsealed, &key)? {
            return Ok(());
        }
        self.bury(space, id)?;
        self.changes.put(Cf::Unsealed, key, Vec::new());
        self.space(space)?.counters.unsealed += 1;
        Ok(())
    }

    /// Marks an item's sealed vector as no longer holding, in every segment that may have one: which of them has it
    /// is for their files to say, and those may be damaged.
    fn bury(&mut self, space: SpaceId, id: ItemId) -> Result<()> {
        if self.space(space)?.tombstones.is_none() {
            let loaded = Tombstones::load(self.index().store(), space)?;
            self.space(space)?.tombstones = Some(loaded);
        }
        for tombstones in self.space(space)?.tombstones.iter_mut().flatten() {
            if tombstones.segment.may_hold(id) {
                tombstones.changed |= tombstones.ids.insert(id);
            }
        }
        Ok(())
    }

    fn delete_item(&mut self, space: SpaceId, id: ItemId) -> Result<bool> {
        let key = keys::item(space, id);
        let Some(record) = self.view().record::<ItemRecord>(Cf::Items, &key)? else {
            return Ok(false);
        };
        for link in self.view().keys(Cf::ItemFiles, &key)? {
            let (_, _, root, rel) = keys::parse_item_file(&link)?;
            self.changes.delete(Cf::Files, keys::file(root, rel));
            self.changes.delete(Cf::ItemFiles, link);
            self.summary.files_removed += 1;
        }
        if self.view().contains(Cf::Unsealed, &key)? {
            self.changes.delete(Cf::Unsealed, key);
            let counters = &mut self.space(space)?.counters;
            counters.unsealed = counters.unsealed.saturating_sub(1);
        } else {
            self.bury(space, id)?;
        }
        self.changes.delete(Cf::Items, key);
        self.changes.delete(Cf::Vectors, key);
        self.changes.delete(Cf::Keys, keys::item_key(space, &record.key));
        let changed = self.space(space)?;
        changed.counters.items = changed.counters.items.saturating_sub(1);
        changed.touched.insert(id);
        self.summary.items_deleted += 1;
        Ok(true)
    }

    /// Takes a file's name off the item that it names; the commit looks whether another is left.
    fn unlink_file(&mut self, root: RootId, rel: &[u8], old: &FileRecord) {
        self.changes
            .delete(Cf::ItemFiles, keys::item_file(old.space, old.item, root, rel));
        self.abandoned.insert((old.space, old.item));
    }
}

impl Tombstones {
    /// Of every segment of a space.
    fn load(store: &Store, space: SpaceId) -> Result<Vec<Self>> {
        let records = store.scan(Cf::Segments, &keys::segment(space, ""));
        let load = |segment: SegmentRecord| {
            let stored = store.get(Cf::Segments, &keys::tombstones(space, &segment.name))?;
            let ids = stored.map(|bytes| decode_tombstones(&bytes)).transpose()?;
            Ok(Self {
                segment,
                ids: ids.unwrap_or_default(),
                changed: false,
            })
        };
        records.map(|_, value| load(SegmentRecord::decode(value)?)).collect()
    }
}
