//! The stages of a run, each on threads of its own, with room for little between them.
//!
//! ```text
//! read (2 threads) -> prepare (`jobs` threads) -> cut into batches and embed (1 thread, which uses all cores) -> commit
//! ```
//!
//! Where a stage is slower than the one before it, that one waits: what is under way at any time is bounded by the room
//! between them, and by what the stages themselves allow (`read::read`, `decode::Decoder`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{IngestError, Observer, Options};

/// While one waits for the disk, the other has something to read.
const READERS: usize = 2;

/// After this time a batch is embedded and committed, however small it is.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Most pieces of a batch: those that need not be embedded are many and small.
const MOST_PIECES: usize = 1024;

/// What the preparing stage makes.
pub(super) trait Prepared: Send {
    /// Whether this is one of the few of its batch that are embedded, or merely written down.
    fn is_embedded(&self) -> bool;
}

/// Takes each piece of `work` through the stages. `commit` runs on the calling thread, and batches come to it in the
/// order in which they were embedded. Once the observer says so nothing more is read or embedded, and what is embedded by
/// then is still committed.
///
/// # Errors
/// The first of any stage; nothing is committed after it.
pub(super) fn run<'w, W: Sync, R: Send, P: Prepared, B: Send>(
    work: &'w [W],
    options: &Options,
    observer: &dyn Observer,
    read: impl Fn(&'w W) -> R + Sync,
    prepare: impl Fn(R) -> Result<P, IngestError> + Sync,
    mut embed: impl FnMut(Vec<P>) -> Result<B, IngestError> + Send,
    mut commit: impl FnMut(B) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let next = AtomicUsize::new(0);
    let take = || {
        let index = (!observer.cancelled()).then(|| next.fetch_add(1, Ordering::Relaxed));
        index.and_then(|index| work.get(index))
    };
    let (jobs, batch_size) = (options.jobs.get(), options.batch_size.get());
    thread::scope(|threads| {
        let (to_prepare, pieces) = sync_channel(jobs);
        for _ in 0..READERS {
            let (to_prepare, take, read) = (to_prepare.clone(), &take, &read);
            threads.spawn(move || while take().is_some_and(|piece| to_prepare.send(read(piece)).is_ok()) {});
        }
        drop(to_prepare);

        let (to_embed, prepared) = sync_channel(batch_size);
        // Gone with the last preparing thread, so that readers see that nobody waits for them.
        let pieces = Arc::new(Mutex::new(pieces));
        for _ in 0..jobs {
            let (pieces, to_embed, prepare) = (Arc::clone(&pieces), to_embed.clone(), &prepare);
            threads.spawn(move || prepare_all(&pieces, &to_embed, prepare));
        }
        drop((pieces, to_embed));

        let (to_commit, batches) = sync_channel(1);
        threads.spawn(move || {
            while let Some(batch) = next_batch(&prepared, batch_size) {
                if observer.cancelled() {
                    return;
                }
                let embedded = batch.and_then(&mut embed);
                let failed = embedded.is_err();
                if to_commit.send(embedded).is_err() || failed {
                    return;
                }
            }
        });
        batches.into_iter().try_for_each(|batch| commit(batch?))
    })
}

fn prepare_all<R, P>(
    pieces: &Mutex<Receiver<R>>,
    to_embed: &SyncSender<Result<P, IngestError>>,
    prepare: &impl Fn(R) -> Result<P, IngestError>,
) {
    loop {
        // The lock is held while waiting, and let go of before the work.
        let piece = pieces.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(piece) = piece else { return };
        if to_embed.send(prepare(piece)).is_err() {
            return;
        }
    }
}

/// What has come together until `batch_size` are to be embedded, or enough time has passed; none at the end.
fn next_batch<P: Prepared>(
    prepared: &Receiver<Result<P, IngestError>>,
    batch_size: usize,
) -> Option<Result<Vec<P>, IngestError>> {
    let mut piece = prepared.recv().ok()?;
    let deadline = Instant::now() + LONGEST_WAIT;
    let (mut batch, mut embedded) = (Vec::new(), 0);
    loop {
        match piece {
            Ok(piece) => {
                embedded += usize::from(piece.is_embedded());
                batch.push(piece);
            }
            Err(error) => return Some(Err(error)),
        }
        if embedded == batch_size || batch.len() == MOST_PIECES {
            return Some(Ok(batch));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match prepared.recv_timeout(left) {
            Ok(next) => piece = next,
            Err(_) => return Some(Ok(batch)),
        }
    }
}

#[cfg(test)]
mod tests;
