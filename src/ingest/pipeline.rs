//! Work that several threads prepare and the calling thread finishes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::{IngestError, Observer, Options};

/// Prepares each piece of `work` on one of `options.jobs` threads and hands them on to `finish`, on the calling thread,
/// `options.batch_size` at a time and in whatever order they are ready. Once the observer says so, nothing more is
/// prepared, and what is prepared by then is still finished.
///
/// # Errors
/// The first of `prepare` or `finish`; nothing is finished after it.
pub(super) fn in_batches<W: Sync, P: Send>(
    work: &[W],
    options: &Options,
    observer: &dyn Observer,
    prepare: impl Fn(&W) -> Result<P, IngestError> + Sync,
    finish: impl FnMut(&[P]) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let next = AtomicUsize::new(0);
    let take = || {
        let index = (!observer.cancelled()).then(|| next.fetch_add(1, Ordering::Relaxed));
        index.and_then(|index| work.get(index))
    };
    let batch_size = options.batch_size.get();
    thread::scope(|threads| {
        // The bound keeps decoded images from piling up where embedding is the slower half.
        let (sender, receiver) = mpsc::sync_channel(batch_size);
        for _ in 0..options.jobs.get() {
            let (sender, take, prepare) = (sender.clone(), &take, &prepare);
            threads.spawn(move || {
                while let Some(piece) = take() {
                    if sender.send(prepare(piece)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        collect(receiver, batch_size, finish)
    })
}

fn collect<P>(
    receiver: mpsc::Receiver<Result<P, IngestError>>,
    batch_size: usize,
    mut finish: impl FnMut(&[P]) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let mut pending = Vec::with_capacity(batch_size);
    for prepared in receiver {
        pending.push(prepared?);
        if pending.len() == batch_size {
            finish(&pending)?;
            pending.clear();
        }
    }
    if !pending.is_empty() {
        finish(&pending)?;
    }
    Ok(())
}
