//! Making segments on a thread of its own while batches go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use roaring::RoaringTreemap;

use super::SealObserver;
use super::install::Install;
use super::make::{Outcome, make};
use super::task::Task;
use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::types::SpaceId;

/// A task at work.
#[derive(Debug)]
pub(crate) struct Job {
    space: SpaceId,
    name: String,
    merged: Vec<String>,
    tail: RoaringTreemap,
    /// Items that were written or deleted since the task was decided on.
    touched: RoaringTreemap,
    cancelled: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Outcome>>>,
}

impl Job {
    /// Starts a thread that works on a task.
    pub(super) fn start(index: &Index, task: Task) -> Result<Self> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (space, name) = (task.space.id, task.name.clone());
        let (merged, tail) = (task.merged.clone(), task.tail.clone());
        let (index, flag) = (index.clone(), Flag(Arc::clone(&cancelled)));
        let thread = thread::Builder::new()
            .name("sealing".to_owned())
            .spawn(move || make(&index, &task, &flag))
            .map_err(|error| IndexError::Graph {
                reason: format!("no thread: {error}"),
            })?;
        Ok(Self {
            space,
            name,
            merged,
            tail,
            touched: RoaringTreemap::new(),
            cancelled,
            thread: Some(thread),
        })
    }

    /// The space that is worked on.
    pub(crate) fn space(&self) -> SpaceId {
        self.space
    }

    /// File name of the segment that is being made.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Notes that items of the space have other vectors by now, or none.
    pub(crate) fn note_touched(&mut self, items: &RoaringTreemap) {
        self.touched |= items;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end of the work.
    pub(super) fn wait(&mut self) -> Result<Outcome> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(IndexError::Graph {
                reason: "the thread that made it panicked".to_owned(),
            }),
            None => Err(IndexError::Cancelled),
        }
    }

    pub(super) fn install(&self) -> Install<'_> {
        Install {
            space: self.space,
            merged: &self.merged,
            tail: &self.tail,
            touched: &self.touched,
        }
    }
}

impl Drop for Job {
    /// Nothing of the work shows, and a file that it left is removed by the next writer.
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Flag(Arc<AtomicBool>);

impl SealObserver for Flag {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
