//! Writing a library: opening, spaces and roots. Items and files are written in a [`Batch`].

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use roaring::RoaringTreemap;

use crate::batch::Batch;
use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::seal::{Job, SegmentPolicy};
use crate::segment;
use crate::store::codec::{Counters, NextIds, Record, RootRecord, SegmentRecord, SpaceRecord};
use crate::store::{Cf, Changes, Store, WriterLock, keys};
use crate::types::{CommitSummary, RootId, Space, SpaceId};

/// The one writer of a library. It holds the library's lock until it and every clone of its [`Index`] are dropped.
#[derive(Debug)]
pub struct Writer {
    index: Index,
    policy: SegmentPolicy,
    /// Segments are made in the background, one at a time.
    job: Option<Job>,
    /// Spaces whose vectors are queries of a space.
    training: HashMap<SpaceId, Vec<SpaceId>>,
    /// Segment files that can be opened and are damaged.
    damaged: HashSet<String>,
    /// Spaces that the background failed on.
    gave_up: HashSet<SpaceId>,
    /// Number of the last segment that was begun.
    last_segment: u64,
}

impl Writer {
    /// Opens the library in `dir` for writing, and creates the directory and the library where they are missing.
    ///
    /// # Errors
    /// [`IndexError::Locked`] when another writer has it open, [`IndexError::UnsupportedFormat`] when a newer program
    /// wrote it, [`IndexError::Corrupt`] when it is damaged.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::with_store(dir, Store::open_primary)
    }

    /// Opens a library whose log is damaged, which [`Writer::open`] refuses. What was committed before the damage is
    /// kept, what came after it is given up. At most the commits since the last writer that ended orderly are in a log.
    ///
    /// # Errors
    /// As of [`Writer::open`].
    pub fn open_giving_up_log(dir: &Path) -> Result<Self> {
        Self::with_store(dir, Store::open_giving_up_log)
    }

    fn with_store(dir: &Path, open: impl FnOnce(&Path) -> Result<Store>) -> Result<Self> {
        fs::create_dir_all(dir).map_err(IndexError::io(dir))?;
        let lock = WriterLock::acquire(dir)?;
        let writer = Self {
            index: Index::new(open(dir)?, dir, Some(lock)),
            policy: SegmentPolicy::default(),
            job: None,
            training: HashMap::new(),
            damaged: HashSet::new(),
            gave_up: HashSet::new(),
            last_segment: 0,
        };
        writer.remove_unnamed_segments()?;
        Ok(writer)
    }

    /// The library as committed so far; a clone of it may be read while a batch is being filled.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// When vectors are sealed and segments merged from now on.
    pub fn set_policy(&mut self, policy: SegmentPolicy) {
        self.policy = policy;
    }

    /// Names spaces whose vectors are queries that `space` is searched by. Its graphs are trained with those of them
    /// that are of the same encoder, and their recall is measured with them too.
    pub fn set_training(&mut self, space: SpaceId, queries: Vec<SpaceId>) {
        self.training.insert(space, queries);
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
        self.drop_spaces(&[id])
    }

    /// Removes several spaces as [`Writer::drop_space`] does, all in one commit.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`]; then none is removed.
    pub fn drop_spaces(&mut self, ids: &[SpaceId]) -> Result<()> {
        let mut changes = Changes::default();
        for id in ids {
            let prefix = keys::space(*id);
            let store = self.index.store();
            if store.get(Cf::Spaces, &prefix)?.is_none() {
                return Err(IndexError::NoSuchSpace { id: *id });
            }
            let mut scan = store.scan(Cf::ItemFiles, &prefix);
            while let Some((key, _)) = scan.advance()? {
                let (_, _, root, rel) = keys::parse_item_file(key)?;
                changes.delete(Cf::Files, keys::file(root, rel));
            }
            clear_space(&mut changes, *id);
        }
        for id in ids {
            self.abandon_job(*id)?;
        }
        self.index.write(&changes, ids.iter().copied())?;
        self.remove_unnamed_segments()
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

    pub(crate) fn policy(&self) -> &SegmentPolicy {
        &self.policy
    }

    pub(crate) fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// The job that there was until now.
    pub(crate) fn set_job(&mut self, job: Option<Job>) -> Option<Job> {
        std::mem::replace(&mut self.job, job)
    }

    /// Notes that a batch wrote or deleted items.
    pub(crate) fn note_touched(&mut self, space: SpaceId, items: &RoaringTreemap) {
        if let Some(job) = self.job.as_mut().filter(|job| job.space() == space) {
            job.note_touched(items);
        }
    }

    pub(crate) fn training(&self, space: SpaceId) -> &[SpaceId] {
        self.training.get(&space).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_damaged(&self, segment: &str) -> bool {
        self.damaged.contains(segment)
    }

    pub(crate) fn note_damaged(&mut self, segment: &str) {
        self.damaged.insert(segment.to_owned());
    }

    pub(crate) fn gave_up(&self, space: SpaceId) -> bool {
        self.gave_up.contains(&space)
    }

    pub(crate) fn give_up(&mut self, space: SpaceId) {
        self.gave_up.insert(space);
    }

    /// A file name that no segment has or had: numbers go past the revision, which every installation raises.
    pub(crate) fn next_segment_name(&mut self, space: SpaceId, revision: u64) -> String {
        self.last_segment = self.last_segment.max(revision) + 1;
        format!("{:08x}-{:016x}.seg", space.0, self.last_segment)
    }

    /// Removes the segment files that no record names: of dropped spaces, merged ones, interrupted work. A file that
    /// the system does not let go of, as Windows does while a reader has it open, is left to the next writer.
    pub(crate) fn remove_unnamed_segments(&self) -> Result<()> {
        let directory = segment::directory(self.index.dir());
        if !directory.exists() {
            return Ok(());
        }
        let mut named = HashSet::new();
        let mut scan = self.index.store().scan(Cf::Segments, &[]);
        while let Some((key, value)) = scan.advance()? {
            if keys::tombstones_of(key).is_some() {
                named.insert(SegmentRecord::decode(value)?.name);
            }
        }
        named.extend(self.job.as_ref().map(|job| job.name().to_owned()));
        for entry in fs::read_dir(&directory).map_err(IndexError::io(&directory))? {
            let entry = entry.map_err(IndexError::io(&directory))?;
            let name = entry.file_name();
            let segment = name.to_str().map(|name| name.strip_suffix(".tmp").unwrap_or(name));
            if segment.is_some_and(|segment| segment.ends_with(".seg") && !named.contains(segment)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
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
        self.job = None;
        // Readers open faster without a log to replay and with few tables. Nothing is lost if it fails: the log holds
        // every commit.
        let store = self.index.store();
        let _ = store.flush().and_then(|()| store.merge_small_tables());
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
