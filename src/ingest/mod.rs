//! Photographs of directories into the library: walk, compare, read, decode, embed, commit.
//!
//! The stages from reading on run beside one another, each on threads of its own (see `pipeline`); every batch is
//! committed at once, so that whatever ends the process, all that was reported as committed is kept.

mod commit;
mod decode;
mod embed;
mod error;
mod gate;
mod options;
mod pipeline;
mod plan;
mod prepare;
mod read;
mod reembed;
mod scope;
mod session;
mod walk;
mod watch;

use std::ops::AddAssign;
use std::path::Path;

use clipdex_index::{IndexError, SealObserver};
use serde::Serialize;

pub use error::IngestError;
pub use options::Options;
pub use reembed::{Reembedded, check_roots, reembed_photos};
pub use session::Ingest;
pub use watch::{Changes, Watch};

use crate::library::LibraryError;

/// Memory for files that were read and are not decoded yet; a larger file goes alone.
const READ_AHEAD_BYTES: u64 = 128 << 20;

/// What is told of a run while it goes on. Called from the thread that runs it, but for `sealed` and `cancelled`.
pub trait Observer: Sync {
    /// The walk goes on; so many candidates were found so far.
    fn found(&self, _files: usize) {}
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
    /// Whether to stop soon: what is embedded by then is still committed.
    fn cancelled(&self) -> bool;
}

/// What a run did with a directory, in files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// New photographs.
    pub added: u64,
    /// Known files with other content.
    pub updated: u64,
    /// Files that were known under another name, in this directory or another one of the run, and not embedded again.
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

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.updated += other.updated;
        self.renamed += other.renamed;
        self.copied += other.copied;
        self.removed += other.removed;
        self.unchanged += other.unchanged;
        self.failed += other.failed;
        self.failed_before += other.failed_before;
        self.interrupted |= other.interrupted;
    }
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
