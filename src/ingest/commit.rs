//! The writing end of a run: embeds what is prepared and commits it, batch by batch.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clipdex_index::{Batch, FailureRecord, FileRecord, Index, ItemId, Space};

use super::plan::{Known, Plan};
use super::prepare::{Content, Prepared, Preparer};
use super::scope::Scope;
use super::walk::Walk;
use super::{IngestError, Observer, Summary};
use crate::encoder::{ImageEncoder, Pixels};
use crate::library::{FileState, LibraryWriter, Record};
use crate::media::Limits;

/// Files that are removed or carried over in one commit: bounded, so that no commit is huge.
const FILES_A_COMMIT: usize = 10_000;

type Hash = [u8; 32];

/// What a run knows when it writes.
#[derive(Clone, Copy)]
struct Context<'a> {
    scope: &'a Scope,
    known: &'a Known,
    plan: &'a Plan,
    observer: &'a dyn Observer,
}

pub(super) struct Committer<'a> {
    writer: &'a mut LibraryWriter,
    context: Context<'a>,
    /// How many names of each photograph are gone: the next new name of it is a renaming rather than a copy.
    lost_names: HashMap<ItemId, u64>,
    summary: Summary,
}

impl<'a> Committer<'a> {
    pub fn new(
        writer: &'a mut LibraryWriter,
        scope: &'a Scope,
        known: &'a Known,
        plan: &'a Plan,
        observer: &'a dyn Observer,
    ) -> Self {
        let summary = Summary {
            unchanged: plan.unchanged,
            failed_before: plan.failed_before,
            ..Summary::default()
        };
        let mut lost_names = HashMap::new();
        for record in plan.gone.iter().filter_map(|path| known.files.get(path)) {
            *lost_names.entry(record.item).or_default() += 1;
        }
        Self {
            writer,
            context: Context {
                scope,
                known,
                plan,
                observer,
            },
            lost_names,
            summary,
        }
    }

    pub fn image_encoder(&self) -> Result<Box<dyn ImageEncoder>, IngestError> {
        Ok(self.writer.model().image_encoder()?)
    }

    pub fn preparer<'e>(&self, encoder: &'e dyn ImageEncoder, limits: Limits) -> Preparer<'e> {
        let index = self.writer.library().index().clone();
        Preparer {
            index,
            images: self.writer.images().clone(),
            encoder,
            limits,
        }
    }

    pub fn finish(self) -> Summary {
        self.summary
    }

    /// Takes over unchanged files of older roots, and records the places that the walk could not read.
    pub fn carry(&mut self, walk: &Walk) -> Result<(), IngestError> {
        let scope = self.context.scope;
        for files in self.context.plan.carried.chunks(FILES_A_COMMIT) {
            let mut batch = self.writer.index_mut().batch();
            for (path, record) in files {
                batch.put_file(scope.root, &scope.relative(path)?, record)?;
            }
            batch.commit()?;
            self.summary.unchanged += files.len() as u64;
        }
        let mut batch = self.writer.index_mut().batch();
        for (place, reason) in &walk.unreadable {
            let state = FileState { size: 0, mtime_ns: 0 };
            batch.put_failure(
                scope.root,
                &scope.relative(place)?,
                &failure_record(reason, state, true),
            )?;
            self.context.observer.failed(place, reason);
            self.summary.failed += 1;
        }
        batch.commit()?;
        Ok(())
    }

    /// Embeds and commits `prepared`, all or nothing.
    pub fn commit(&mut self, prepared: &[Prepared], encoder: &dyn ImageEncoder) -> Result<(), IngestError> {
        let images = self.writer.images().clone();
        let index = self.writer.library().index().clone();
        let mut vectors = embed(prepared, encoder, &index, &images)?;
        let mut summary = self.summary.clone();
        let mut batch = self.writer.index_mut().batch();
        for file in prepared {
            let (lost_names, summary) = (&mut self.lost_names, &mut summary);
            let mut store = Store {
                context: self.context,
                images: &images,
                lost_names,
                summary,
            };
            store.file(&mut batch, file, &mut vectors)?;
        }
        batch.commit()?;
        self.writer.tend()?;
        self.summary = summary;
        self.context.observer.committed(prepared.len());
        Ok(())
    }

    /// Forgets files that are gone, and the older roots whose files have moved here. Comes last: a photograph whose old
    /// name goes before its new one is known would be lost and embedded again.
    pub fn remove_gone(&mut self) -> Result<(), IngestError> {
        let Context { scope, plan, .. } = self.context;
        let gone: Vec<_> = plan.gone.iter().collect();
        for paths in gone.chunks(FILES_A_COMMIT) {
            let mut batch = self.writer.index_mut().batch();
            for path in paths {
                batch.remove_file(scope.root, &scope.relative(path)?)?;
            }
            batch.commit()?;
        }
        let mut batch = self.writer.index_mut().batch();
        for path in &plan.mended {
            batch.clear_failure(scope.root, &scope.relative(path)?);
        }
        batch.commit()?;
        for (root, _) in &scope.nested {
            self.writer.index_mut().remove_root(*root)?;
        }
        self.summary.removed = (gone.len() as u64).saturating_sub(self.summary.renamed);
        Ok(())
    }
}

/// The vectors of the photographs that the library does not have, each content once.
fn embed(
    prepared: &[Prepared],
    encoder: &dyn ImageEncoder,
    index: &Index,
    images: &Space,
) -> Result<HashMap<Hash, Vec<f32>>, IngestError> {
    let mut new: HashMap<Hash, &Pixels> = HashMap::new();
    for file in prepared {
        if let Content::Photo { hash, pixels, .. } = &file.content
            && index.id_of_key(images.id, hash)?.is_none()
        {
            new.insert(*hash, pixels);
        }
    }
    let (hashes, batch): (Vec<Hash>, Vec<&Pixels>) = new.into_iter().unzip();
    let embeddings = encoder.embed(&batch)?;
    Ok(hashes.into_iter().zip(embeddings.rows().map(<[f32]>::to_vec)).collect())
}

/// Puts one file into a batch, and counts it.
struct Store<'a> {
    context: Context<'a>,
    images: &'a Space,
    lost_names: &'a mut HashMap<ItemId, u64>,
    summary: &'a mut Summary,
}

impl Store<'_> {
    fn file(
        &mut self,
        batch: &mut Batch<'_>,
        file: &Prepared,
        vectors: &mut HashMap<Hash, Vec<f32>>,
    ) -> Result<(), IngestError> {
        let path = &file.candidate.path;
        match &file.content {
            Content::Failed { reason, transient } => self.failed(batch, file, reason, *transient),
            Content::Known { hash, item } => self.known(batch, file, *hash, *item),
            Content::Photo { hash, record, .. } => {
                let Some(vector) = vectors.remove(hash) else {
                    // Another file with the same content came first, in this batch or since this one was read.
                    return match batch.id_of_key(self.images.id, hash)? {
                        Some(item) => self.known(batch, file, *hash, item),
                        None => Ok(()),
                    };
                };
                let item = batch.upsert(self.images, hash, &vector, &record.encode()?)?;
                if self.context.known.files.contains_key(path) {
                    self.summary.updated += 1;
                } else {
                    self.summary.added += 1;
                }
                self.put(batch, file, *hash, item)
            }
        }
    }

    fn known(&mut self, batch: &mut Batch<'_>, file: &Prepared, hash: Hash, item: ItemId) -> Result<(), IngestError> {
        let path = &file.candidate.path;
        match self.context.known.files.get(path) {
            Some(record) if record.hash == hash => self.summary.unchanged += 1,
            Some(_) => self.summary.updated += 1,
            None => match self.lost_names.get_mut(&item) {
                Some(names @ 1..) => {
                    *names -= 1;
                    self.summary.renamed += 1;
                }
                _ => self.summary.copied += 1,
            },
        }
        self.put(batch, file, hash, item)
    }

    fn put(&self, batch: &mut Batch<'_>, file: &Prepared, hash: Hash, item: ItemId) -> Result<(), IngestError> {
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
        file: &Prepared,
        reason: &str,
        transient: bool,
    ) -> Result<(), IngestError> {
        let Context {
            scope, known, observer, ..
        } = self.context;
        let path = &file.candidate.path;
        let relative = scope.relative(path)?;
        // What is at this path now is not the photograph that the library has for it; unreadable, it may still be.
        if !transient && known.files.contains_key(path) {
            batch.remove_file(scope.root, &relative)?;
        }
        batch.put_failure(
            scope.root,
            &relative,
            &failure_record(reason, file.candidate.state, transient),
        )?;
        observer.failed(path, reason);
        self.summary.failed += 1;
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
