//! Sealing and merging: immutable segments of vectors that were scanned one by one until then.

mod background;
mod install;
mod make;
mod policy;
mod task;
mod training;

use std::thread;

use crate::error::{IndexError, Result};
use crate::store::codec::Counters;
use crate::store::{Cf, keys};
use crate::types::{Space, SpaceId};
use crate::view::{Sealed, Shape};
use crate::writer::Writer;
pub(crate) use background::Job;
use install::Install;
use make::{Outcome, make};
pub use policy::SegmentPolicy;
use policy::Work;
use roaring::RoaringTreemap;
use task::{Task, sizes};
pub(crate) use training::queries as training_queries;

/// How to seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealOptions {
    /// A graph is built for a segment of at least this many vectors; below the default searches scan anyway.
    pub graph_min_items: usize,
    /// Threads that build the graph; none means all, and half of them in the background.
    pub threads: Option<usize>,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self {
            graph_min_items: crate::search::GRAPH_MIN_ROWS,
            threads: None,
        }
    }
}

/// What sealing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealSummary {
    /// Vectors in the segment.
    pub items: u64,
    /// Whether the segment has a graph.
    pub graph: bool,
    /// Vectors that no walk of the graph reaches, in spite of the edges added for them; normally 0.
    pub unreached: u64,
    /// Bytes of the segment file.
    pub bytes: u64,
    /// False when the segment was already as asked for, and nothing was written.
    pub written: bool,
}

/// What is told and asked while a graph is built, from several threads.
pub trait SealObserver: Sync {
    /// So much of the work is done.
    fn progressed(&self, done: u64, of: u64) {
        let _ = (done, of);
    }

    /// Whether to stop soon; the space is then as before.
    fn cancelled(&self) -> bool {
        false
    }
}

impl SealObserver for () {}

impl Writer {
    /// Writes all vectors of a space to one segment, which then serves searches. Takes minutes for millions of
    /// vectors with a graph, and about three times the vectors' f16 size in memory.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`], [`IndexError::Io`] or [`IndexError::Graph`], [`IndexError::Corrupt`] when the
    /// database does not hold what it counts, [`IndexError::Cancelled`]; the space is then as before.
    pub fn seal(&mut self, space: &Space, options: &SealOptions) -> Result<SealSummary> {
        self.seal_observed(space, options, &())
    }

    /// [`Writer::seal`], with progress, and cancellable.
    ///
    /// # Errors
    /// As of [`Writer::seal`].
    pub fn seal_observed(
        &mut self,
        space: &Space,
        options: &SealOptions,
        observer: &dyn SealObserver,
    ) -> Result<SealSummary> {
        self.abandon_job(space.id)?;
        let shape = self.index().shape(space.id)?;
        if let Some(summary) = as_asked_for(&shape, options)
            && !self.would_train(&shape)?
        {
            return Ok(summary);
        }
        let work = Work {
            segments: (0..shape.records().count()).collect(),
            tail: true,
        };
        match self.work(shape, &work, options, observer)? {
            Some(summary) => Ok(summary),
            None => Ok(SealSummary {
                written: true,
                ..SealSummary::default()
            }),
        }
    }

    /// Brings the segments of a space to where searches are quick, as far as the [`SegmentPolicy`] finds it worth the
    /// while when no more vectors are coming; what the last step did.
    ///
    /// # Errors
    /// As of [`Writer::seal`].
    pub fn seal_if_due(&mut self, space: &Space, options: &SealOptions) -> Result<Option<SealSummary>> {
        self.settle(space, options, &())
    }

    /// [`Writer::seal_if_due`], with progress, and cancellable.
    ///
    /// # Errors
    /// As of [`Writer::seal`].
    pub fn settle(
        &mut self,
        space: &Space,
        options: &SealOptions,
        observer: &dyn SealObserver,
    ) -> Result<Option<SealSummary>> {
        self.finish_job(observer)?;
        let mut last = None;
        loop {
            let shape = self.index().shape(space.id)?;
            let sizes = sizes(&shape, |name| self.is_damaged(name));
            let Some(work) = self.policy().settling(&sizes, shape.counters.unsealed) else {
                self.remove_unnamed_segments()?;
                return Ok(last);
            };
            last = self.work(shape, &work, options, observer)?.or(last);
        }
    }

    /// Seals and merges in the background what has become due, and makes current what is finished. To be called now
    /// and then, as after every batch; it never waits. What goes wrong becomes a warning of the index, for searches
    /// are as right as before.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tend(&mut self, space: &Space, options: &SealOptions) -> Result<()> {
        if self.job().is_some_and(Job::is_finished) {
            self.collect_job();
        }
        let counters: Option<Counters> = self.index().store().record(Cf::Meta, &keys::counters(space.id))?;
        let enough = counters.is_some_and(|counters| counters.unsealed >= self.policy().seal_at);
        if !enough || self.job().is_some() || self.gave_up(space.id) {
            return Ok(());
        }
        let shape = self.index().shape(space.id)?;
        let sizes = sizes(&shape, |name| self.is_damaged(name));
        let Some(work) = self.policy().due(&sizes, shape.counters.unsealed) else {
            return Ok(());
        };
        let half = thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        let options = SealOptions {
            threads: options.threads.or(Some(half)),
            ..*options
        };
        let task = self.task(shape, &work, &options)?;
        let job = Job::start(self.index(), task)?;
        self.set_job(Some(job));
        Ok(())
    }

    /// Whether segments are being made in the background.
    pub fn is_tending(&self) -> bool {
        self.job().is_some()
    }

    /// Does a piece of work here and now; none where nothing was left to be sealed, or where a segment that was
    /// believed turned out to be damaged, so that other work is due.
    fn work(
        &mut self,
        shape: Shape,
        work: &Work,
        options: &SealOptions,
        observer: &dyn SealObserver,
    ) -> Result<Option<SealSummary>> {
        let task = self.task(shape, work, options)?;
        let outcome = make(self.index(), &task, observer);
        let install = Install {
            space: task.space.id,
            merged: &task.merged,
            tail: &task.tail,
            touched: &RoaringTreemap::new(),
        };
        let installed = outcome.and_then(|outcome| self.install(&install, &outcome));
        self.remove_unnamed_segments()?;
        installed
    }

    fn install(&mut self, install: &Install<'_>, outcome: &Outcome) -> Result<Option<SealSummary>> {
        if let Outcome::Damaged(name) = outcome {
            self.note_damaged(name);
            return Ok(None);
        }
        install.commit(self.index(), outcome)?;
        let Outcome::Made(made) = outcome else {
            return Ok(None);
        };
        Ok(Some(SealSummary {
            items: made.record.items,
            graph: made.record.graph,
            unreached: made.unreached,
            bytes: made.bytes,
            written: true,
        }))
    }

    /// Whether there are training queries of which the only segment's graph knows nothing.
    fn would_train(&self, shape: &Shape) -> Result<bool> {
        let untrained =
            |sealed: &Sealed| sealed.record.graph && sealed.record.recall.iter().all(|point| point.training.is_none());
        Ok(shape.sealed.iter().any(untrained)
            && training::any(self.index().store(), &shape.space, self.training(shape.space.id))?)
    }

    fn task(&mut self, shape: Shape, work: &Work, options: &SealOptions) -> Result<Task> {
        let space = shape.space.id;
        let name = self.next_segment_name(space, shape.counters.revision);
        let training = self.training(space).to_vec();
        Task::new(self.index().store(), shape, work, name, training, *options, |name| {
            self.is_damaged(name)
        })
    }

    /// Makes current what the background has finished, or notes what went wrong.
    fn collect_job(&mut self) {
        // The files that this replaces go with the next: readers that have just opened the library may come to them yet.
        if let Err(error) = self.remove_unnamed_segments() {
            self.index().warn(&error.to_string());
        }
        let Some(mut job) = self.set_job(None) else {
            return;
        };
        let installed = job.wait().and_then(|outcome| self.install(&job.install(), &outcome));
        match installed {
            Ok(_) | Err(IndexError::Cancelled) => {}
            Err(error) => {
                self.give_up(job.space());
                self.index()
                    .warn(&format!("vectors could not be sealed in the background: {error}"));
            }
        }
    }

    /// Waits for the background, unless it is to be cancelled.
    fn finish_job(&mut self, observer: &dyn SealObserver) -> Result<()> {
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);
        while self.job().is_some_and(|job| !job.is_finished()) {
            if observer.cancelled() {
                self.set_job(None);
                return Err(IndexError::Cancelled);
            }
            thread::sleep(PAUSE);
        }
        self.collect_job();
        Ok(())
    }

    /// Stops the background where it works on a space whose segments are to change in another way.
    pub(crate) fn abandon_job(&mut self, space: SpaceId) -> Result<()> {
        if self.job().is_some_and(|job| job.space() == space) {
            self.set_job(None);
            self.remove_unnamed_segments()?;
        }
        Ok(())
    }
}

/// What there is, where one segment has every vector and is what the options ask for.
fn as_asked_for(shape: &Shape, options: &SealOptions) -> Option<SealSummary> {
    let wants_graph = shape.counters.items >= options.graph_min_items.max(1) as u64;
    let ([sealed], []) = (shape.sealed.as_slice(), shape.broken.as_slice()) else {
        let nothing = shape.records().next().is_none() && shape.counters.items == 0;
        return nothing.then(SealSummary::default);
    };
    let fits = sealed.dead.len() == 0 && shape.counters.unsealed == 0 && sealed.record.graph == wants_graph;
    fits.then(|| SealSummary {
        items: sealed.record.items,
        graph: wants_graph,
        unreached: 0,
        bytes: sealed.segment.bytes(),
        written: false,
    })
}
