//! Photographs of a directory into the library: walk, compare, decode, embed, commit.
//!
//! Files are decoded on several threads; the calling thread embeds what they prepare in batches and commits each batch
//! at once, so that whatever ends the process, all that was reported as committed is kept.

mod commit;
mod error;
mod plan;
mod prepare;
mod scope;
mod walk;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use clipdex_index::SealOptions;
use serde::Serialize;

use commit::Committer;
pub use error::IngestError;
use plan::{Known, Plan};
use prepare::{Prepared, Preparer};
use scope::Scope;
use walk::{Walk, walk};

use crate::encoder::ImageEncoder;
use crate::library::LibraryWriter;
use crate::media::Limits;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that read and decode.
    pub jobs: NonZeroUsize,
    /// Photographs that are embedded and committed together.
    pub batch_size: NonZeroUsize,
    /// What is too large to decode.
    pub limits: Limits,
    /// Whether a directory that shows no photographs any more loses those that the library has of it.
    pub prune: bool,
}

impl Default for Options {
    /// A decoding thread for each core, batches of 32.
    fn default() -> Self {
        Self {
            jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            batch_size: const { NonZeroUsize::new(32).unwrap() },
            limits: Limits::default(),
            prune: false,
        }
    }
}

/// What is told of a run while it goes on. Called from the thread that called [`ingest`], but for `cancelled`.
pub trait Observer: Sync {
    /// The walk is done: so many files are to be read.
    fn planned(&self, files: usize);
    /// So many more files are done for, and durable.
    fn committed(&self, files: usize);
    /// All files are done for; what makes searches quick is brought up to date, which can take a while.
    fn sealing(&self);
    /// A file or directory cannot be used, for this reason.
    fn failed(&self, path: &Path, reason: &str);
    /// Whether to stop soon: what is decoded by then is still embedded and committed.
    fn cancelled(&self) -> bool;
}

/// What a run did, in files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// New photographs.
    pub added: u64,
    /// Known files with other content.
    pub updated: u64,
    /// Files that were known under another name, and not embedded again.
    pub renamed: u64,
    /// Further copies of known photographs, not embedded again.
    pub copied: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Files that are as they were.
    pub unchanged: u64,
    /// Files that could not be used, this time.
    pub failed: u64,
    /// Files that could not be used before and have not changed since.
    pub failed_before: u64,
    /// Whether the run was cut short.
    pub interrupted: bool,
}

/// Brings the library up to date with the photographs below `dir`.
///
/// A photograph that cannot be read or decoded is recorded with its reason and does not end the run.
///
/// # Errors
/// The directory cannot be opened, it shows nothing where it showed something (see [`Options::prune`]), or the library
/// or the encoder fails. What was committed by then is kept.
pub fn ingest(
    writer: &mut LibraryWriter,
    dir: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Summary, IngestError> {
    let scope = Scope::resolve(writer, dir, options.prune)?;
    let walk = if scope.present {
        walk(&scope.dir, writer.library().dir(), &|| observer.cancelled())?
    } else {
        Walk::default()
    };
    let known = Known::read(writer.library().index(), &scope)?;
    if walk.candidates.is_empty() && !known.files.is_empty() && !options.prune {
        return Err(IngestError::Emptied {
            path: scope.dir,
            known: known.files.len(),
        });
    }
    let plan = Plan::new(&walk, &known);
    observer.planned(plan.read.len());

    let mut committer = Committer::new(writer, &scope, &known, &plan, observer);
    committer.carry(&walk)?;
    if !plan.read.is_empty() {
        let encoder = committer.image_encoder()?;
        read_and_embed(&mut committer, encoder.as_ref(), &plan, options, observer)?;
    }
    if !observer.cancelled() {
        committer.remove_gone()?;
    }
    let mut summary = committer.finish();
    summary.interrupted = observer.cancelled();
    if !summary.interrupted {
        observer.sealing();
        let images = writer.images().clone();
        writer.index_mut().seal_if_due(&images, &SealOptions::default())?;
    }
    Ok(summary)
}

fn read_and_embed(
    committer: &mut Committer<'_>,
    encoder: &dyn ImageEncoder,
    plan: &Plan,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), IngestError> {
    let preparer = committer.preparer(encoder, options.limits);
    let next = AtomicUsize::new(0);
    let batch_size = options.batch_size.get();
    thread::scope(|threads| {
        // The bound keeps decoded images from piling up where embedding is the slower half.
        let (sender, receiver) = mpsc::sync_channel(batch_size);
        for _ in 0..options.jobs.get() {
            let (sender, preparer, next) = (sender.clone(), &preparer, &next);
            threads.spawn(move || prepare_all(preparer, plan, next, &sender, observer));
        }
        drop(sender);
        embed_all(committer, encoder, receiver, batch_size)
    })
}

/// One decoding thread: takes the next file until there is none, or until nobody listens.
fn prepare_all(
    preparer: &Preparer<'_>,
    plan: &Plan,
    next: &AtomicUsize,
    sender: &SyncSender<Result<Prepared, IngestError>>,
    observer: &dyn Observer,
) {
    while !observer.cancelled() {
        let Some(candidate) = plan.read.get(next.fetch_add(1, Ordering::Relaxed)) else {
            return;
        };
        if sender.send(preparer.prepare(candidate)).is_err() {
            return;
        }
    }
}

fn embed_all(
    committer: &mut Committer<'_>,
    encoder: &dyn ImageEncoder,
    receiver: Receiver<Result<Prepared, IngestError>>,
    batch_size: usize,
) -> Result<(), IngestError> {
    let mut pending = Vec::with_capacity(batch_size);
    for prepared in receiver {
        pending.push(prepared?);
        if pending.len() == batch_size {
            committer.commit(&pending, encoder)?;
            pending.clear();
        }
    }
    if !pending.is_empty() {
        committer.commit(&pending, encoder)?;
    }
    Ok(())
}
