use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;

/// Cancels when it is told to.
#[derive(Default)]
struct Silent(AtomicBool);

impl Observer for Silent {
    fn planned(&self, _: usize) {}
    fn committed(&self, _: usize) {}
    fn sealing(&self) {}
    fn sealed(&self, _: u64, _: u64) {}
    fn failed(&self, _: &Path, _: &str) {}
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number; even ones are to be embedded.
impl Prepared for u32 {
    fn is_embedded(&self) -> bool {
        self.is_multiple_of(2)
    }
}

fn options(jobs: usize, batch_size: usize) -> Options {
    Options {
        jobs: NonZeroUsize::new(jobs).unwrap(),
        batch_size: NonZeroUsize::new(batch_size).unwrap(),
        ..Options::default()
    }
}

fn broken(what: &str) -> IngestError {
    IngestError::NotADirectory(what.into())
}

#[test]
fn everything_is_committed_once_in_full_batches() {
    let work: Vec<u32> = (0..5000).collect();
    for (jobs, batch_size) in [(1, 1), (3, 7), (8, 5000)] {
        let mut committed = Vec::new();
        run(
            &work,
            &options(jobs, batch_size),
            &Silent::default(),
            |piece| *piece,
            Ok,
            |batch| {
                let embedded = batch.iter().filter(|piece| piece.is_embedded()).count();
                assert!(embedded <= batch_size && batch.len() <= MOST_PIECES);
                Ok(batch)
            },
            |batch| {
                committed.extend(batch);
                Ok(())
            },
        )
        .unwrap();
        committed.sort_unstable();
        assert_eq!(committed, work);
    }
}

#[test]
fn a_slow_end_holds_up_the_beginning() {
    let work: Vec<u32> = (0..1000).map(|number| 2 * number).collect();
    let (read, mut done, mut most) = (AtomicUsize::new(0), 0, 0);
    let (jobs, batch_size) = (2, 4);
    run(
        &work,
        &options(jobs, batch_size),
        &Silent::default(),
        |piece| {
            read.fetch_add(1, Ordering::SeqCst);
            *piece
        },
        Ok,
        Ok,
        |batch| {
            thread::sleep(Duration::from_millis(1));
            most = most.max(read.load(Ordering::SeqCst) - done);
            done += batch.len();
            Ok(())
        },
    )
    .unwrap();
    // In each reader's hand, before the preparing threads, in their hands, before the embedding one, and three batches:
    // in its hands, before the commit, and in it.
    let room = READERS + jobs + jobs + batch_size + 3 * batch_size;
    assert!(most <= room, "{most} pieces under way, room for {room}");
}

#[test]
fn an_error_of_any_stage_ends_the_run() {
    let work: Vec<u32> = (0..1000).collect();
    for stage in ["prepare", "embed", "commit"] {
        let fail = |at: &str, piece: u32| (stage == at && piece >= 500).then(|| broken(at));
        let largest = |batch: &[u32]| batch.iter().copied().max().unwrap_or_default();
        let result = run(
            &work,
            &options(3, 8),
            &Silent::default(),
            |piece| *piece,
            |piece| fail("prepare", piece).map_or(Ok(piece), Err),
            |batch| fail("embed", largest(&batch)).map_or(Ok(batch), Err),
            |batch| fail("commit", largest(&batch)).map_or(Ok(()), Err),
        );
        assert!(matches!(result, Err(IngestError::NotADirectory(path)) if path == Path::new(stage)));
    }
}

#[test]
fn what_was_embedded_before_a_stop_is_committed_and_nothing_more_is_embedded() {
    let work: Vec<u32> = (0..100_000).map(|number| 2 * number).collect();
    let (observer, embedded, mut committed) = (Silent::default(), AtomicUsize::new(0), 0);
    let (batch_size, stop_after) = (8, 10);
    run(
        &work,
        &options(2, batch_size),
        &observer,
        |piece| *piece,
        Ok,
        |batch| {
            if embedded.fetch_add(batch.len(), Ordering::SeqCst) + batch.len() >= stop_after * batch_size {
                observer.0.store(true, Ordering::SeqCst);
            }
            Ok(batch)
        },
        |batch| {
            committed += batch.len();
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(committed, embedded.load(Ordering::SeqCst));
    assert!(committed < (stop_after + 1) * batch_size, "{committed} were embedded");
}
