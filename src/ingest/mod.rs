//! Photographs of a directory into the library: walk, compare, decode, embed, commit.
//!
//! Files are decoded on several threads; the calling thread embeds what they prepare in batches and commits each batch
//! at once, so that whatever ends the process, all that was reported as committed is kept.

mod commit;
mod error;
mod pipeline;
mod plan;
mod prepare;
mod reembed;
mod scope;
mod walk;

use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use clipdex_index::{IndexError, SealObserver};
use serde::Serialize;

use commit::Committer;
pub use error::IngestError;
use pipeline::in_batches;
use plan::{Known, Plan};
pub use reembed::{Reembedded, reembed_photos};
use scope::Scope;
use walk::{Candidate, Walk, walk};

use crate::library::{LibraryError, LibraryWriter};
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
    /// So much of that is done, from any thread.
    fn sealed(&self, done: u64, of: u64);
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
        let preparer = committer.preparer(encoder.as_ref(), options.limits);
        let prepare = |candidate: &Candidate| preparer.prepare(candidate);
        in_batches(&plan.read, options, observer, prepare, |prepared| {
            committer.commit(prepared, encoder.as_ref())
        })?;
    }
    if !observer.cancelled() {
        committer.remove_gone()?;
    }
    let mut summary = committer.finish();
    summary.interrupted = observer.cancelled();
    if !summary.interrupted {
        observer.sealing();
        summary.interrupted = was_cancelled(writer.settle(&Sealing(observer)).map(drop))?;
    }
    Ok(summary)
}

/// Tells an observer of a run about its last part.
struct Sealing<'a>(&'a dyn Observer);

impl SealObserver for Sealing<'_> {
    fn progressed(&self, done: u64, of: u64) {
        self.0.sealed(done, of);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// Whether sealing was cut short: nothing is lost then, and the next run does it.
fn was_cancelled(sealed: Result<(), LibraryError>) -> Result<bool, LibraryError> {
    match sealed {
        Err(LibraryError::Index(IndexError::Cancelled)) => Ok(true),
        sealed => sealed.map(|()| false),
    }
}
