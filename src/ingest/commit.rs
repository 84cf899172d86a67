//! The writing end of a run: commits what is embedded, batch by batch, and forgets what is gone.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clipdex_index::{Batch, FailureRecord, FileRecord, Index, ItemId, Space};

use super::embed::Embedded;
use super::plan::{Gone, Known, Plan};
use super::prepare::{Examined, Finding, Hash};
use super::scope::Scope;
use super::walk::{Candidate, Walk};
use super::{IngestError, Observer, Summary};
use crate::encoder::Model;
use crate::library::{FileState, LibraryWriter, PhotoRecord, Record, path_to_bytes};

/// Files that are removed or carried over in one commit: bounded, so that no commit is huge.
const FILES_A_COMMIT: usize = 10_000;

/// What a run knows when it writes.
#[derive(Clone, Copy)]
struct Context<'a> {
    scope: &'a Scope,
    known: &'a Known,
    observer: &'a dyn Observer,
}

pub(super) struct Committer<'a> {
    writer: &'a mut LibraryWriter,
    context: Context<'a>,
    tally: Tally,
}

/// What has become of files.
#[derive(Default)]
struct Tally {
    summary: Summary,
    /// Photographs of which new files were found.
    copies: Vec<ItemId>,
    /// Files whose photograph the library had when they were read, and lost before they were written down.
    lost: Vec<Candidate>,
}

impl<'a> Committer<'a> {
    pub fn new(writer: &'a mut LibraryWriter, scope: &'a Scope, known: &'a Known, observer: &'a dyn Observer) -> Self {
        Self {
            writer,
            context: Context { scope, known, observer },
            tally: Tally::default(),
        }
    }

    pub fn model(&self) -> &Model {
        self.writer.model()
    }

    pub fn index(&self) -> &Index {
        self.writer.library().index()
    }

    pub fn images(&self) -> &Space {
        self.writer.images()
    }

    /// What became of the files, and the photographs of which new files were found, once for each file.
    pub fn finish(self) -> (Summary, Vec<ItemId>) {
        (self.tally.summary, self.tally.copies)
    }

    /// Files that must be read again.
    pub fn take_lost(&mut self) -> Vec<Candidate> {
        std::mem::take(&mut self.tally.lost)
    }

    /// Takes over files of older roots, and records the places that the walk could not read.
    pub fn carry(&mut self, plan: &Plan, walk: &Walk) -> Result<(), IngestError> {
        let Context { scope, observer, .. } = self.context;
        let summary = &mut self.tally.summary;
        summary.unchanged = plan.unchanged;
        summary.failed_before = plan.failed_before;
        for files in plan.carried.chunks(FILES_A_COMMIT) {
            let mut batch = self.writer.index_mut().batch();
            for (path, record) in files {
                batch.put_file(scope.root, &scope.relative(path)?, record)?;
            }
            batch.commit()?;
        }
        let mut batch = self.writer.index_mut().batch();
        for (path, record) in &plan.carried_failures {
            batch.put_failure(scope.root, &scope.relative(path)?, record)?;
        }
        for (place, reason) in &walk.unreadable {
            let state = FileState { size: 0, mtime_ns: 0 };
            let record = failure_record(reason, state, true);
            batch.put_failure(scope.root, &scope.relative(place)?, &record)?;
            observer.failed(place, reason);
            summary.failed += 1;
        }
        batch.commit()?;
        Ok(())
    }

    /// Commits a batch, all or nothing.
    pub fn commit(&mut self, embedded: Embedded) -> Result<(), IngestError> {
        let Embedded { files, vectors } = embedded;
        let images = self.writer.images().clone();
        let mut batch = self.writer.index_mut().batch();
        let mut store = Store {
            context: self.context,
            images: &images,
            vectors,
            tally: Tally::default(),
        };
        for file in &files {
            store.file(&mut batch, file)?;
        }
        let Tally { summary, copies, lost } = store.tally;
        batch.commit()?;
        self.writer.tend()?;
        for file in &files {
            if let Finding::Failed { reason, .. } = &file.finding {
                self.context.observer.failed(&file.candidate.path, reason);
            }
        }
        self.context.observer.committed(files.len() - lost.len());
        self.tally.summary += summary;
        self.tally.copies.extend(copies);
        self.tally.lost.extend(lost);
        Ok(())
    }
}

/// Forgets files that are gone, and the older roots whose files have moved to this one. Comes last: a photograph whose
/// old name goes before its new one is known would be lost and embedded again.
///
/// Returns the photographs that have lost a name, once for each.
pub(super) fn remove_gone(writer: &mut LibraryWriter, scope: &Scope, gone: &Gone) -> Result<Vec<ItemId>, IngestError> {
    let mut lost = Vec::new();
    for files in gone.files.chunks(FILES_A_COMMIT) {
        let mut batch = writer.index_mut().batch();
        for (path, item) in files {
            // Where directories of a run overlap, another one may have come before.
            if batch.remove_file(scope.root, &scope.relative(path)?)? {
                lost.push(*item);
            }
        }
        batch.commit()?;
    }
    for (root, dir) in &scope.nested {
        let mut batch = writer.index_mut().batch();
        for (path, item) in &gone.nested {
            if let Ok(relative) = path.strip_prefix(dir)
                && batch.remove_file(*root, &path_to_bytes(relative)?)?
            {
                lost.push(*item);
            }
        }
        batch.commit()?;
        writer.index_mut().remove_root(*root)?;
    }
    for paths in gone.failures.chunks(FILES_A_COMMIT) {
        let mut batch = writer.index_mut().batch();
        for path in paths {
            batch.clear_failure(scope.root, &scope.relative(path)?);
        }
        batch.commit()?;
    }
    Ok(lost)
}

/// Puts files into a batch, and counts them.
struct Store<'a> {
    context: Context<'a>,
    images: &'a Space,
    vectors: HashMap<Hash, Vec<f32>>,
    tally: Tally,
}

impl Store<'_> {
    fn file(&mut self, batch: &mut Batch<'_>, file: &Examined) -> Result<(), IngestError> {
        match &file.finding {
            Finding::Failed { reason, transient } => self.failed(batch, file, reason, *transient),
            Finding::Known { hash } => self.known(batch, file, *hash),
            Finding::Photo { hash, record } => match self.vectors.remove(hash) {
                Some(vector) => self.embedded(batch, file, *hash, &vector, record),
                // Another file with the same content came first.
                None => self.known(batch, file, *hash),
            },
            Finding::Gone => Ok(()),
        }
    }

    fn embedded(
        &mut self,
        batch: &mut Batch<'_>,
        file: &Examined,
        hash: Hash,
        vector: &[f32],
        record: &PhotoRecord,
    ) -> Result<(), IngestError> {
        let item = batch.upsert(self.images, &hash, vector, &record.encode()?)?;
        if self.context.known.file(&file.candidate.path).is_some() {
            self.tally.summary.updated += 1;
        } else {
            self.tally.summary.added += 1;
        }
        self.put(batch, file, hash, item)
    }

    fn known(&mut self, batch: &mut Batch<'_>, file: &Examined, hash: Hash) -> Result<(), IngestError> {
        // The last file that named the photograph may have changed in this run.
        let Some(item) = batch.id_of_key(self.images.id, &hash)? else {
            self.tally.lost.push(file.candidate.clone());
            return Ok(());
        };
        match self.context.known.file(&file.candidate.path) {
            Some(record) if record.hash == hash => self.tally.summary.unchanged += 1,
            Some(_) => self.tally.summary.updated += 1,
            None => {
                self.tally.summary.copied += 1;
                self.tally.copies.push(item);
            }
        }
        self.put(batch, file, hash, item)
    }

    fn put(&self, batch: &mut Batch<'_>, file: &Examined, hash: Hash, item: ItemId) -> Result<(), IngestError> {
        let FileState { size, mtime_ns } = file.candidate.state;
        let record = FileRecord {
            space: self.images.id,
            item,
            size,
            mtime_ns,
            hash,
        };
        let scope = self.context.scope;
        Ok(batch.put_file(scope.root, &scope.relative(&file.candidate.path)?, &record)?)
    }

    fn failed(
        &mut self,
        batch: &mut Batch<'_>,
        file: &Examined,
        reason: &str,
        transient: bool,
    ) -> Result<(), IngestError> {
        let Context { scope, known, .. } = self.context;
        let Candidate { path, state } = &file.candidate;
        let relative = scope.relative(path)?;
        // What is at this path now is not the photograph that the library has for it; unreadable, it may still be.
        if !transient && known.file(path).is_some() {
            batch.remove_file(scope.root, &relative)?;
        }
        batch.put_failure(scope.root, &relative, &failure_record(reason, *state, transient))?;
        self.tally.summary.failed += 1;
        Ok(())
    }
}

fn failure_record(reason: &str, state: FileState, transient: bool) -> FailureRecord {
    let failed_at_unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    FailureRecord {
        reason: reason.to_owned(),
        size: state.size,
        mtime_ns: state.mtime_ns,
        failed_at_unix,
        transient,
    }
}
