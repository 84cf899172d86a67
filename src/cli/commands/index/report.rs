//! How a run is told on standard error: to people, or to programs.

use std::fmt;
use std::path::Path;

use crate::cli::events::{Event, EventLog};
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Watcher;
use crate::cli::{Global, complain};
use crate::ingest::{Observer, Summary};
use crate::labels::WorkProgress;

/// Tells of a run.
pub(super) struct Reporter<'a> {
    global: &'a Global,
    /// In JSON lines.
    events: bool,
    interrupt: &'a Interrupt,
}

/// What both kinds of work are told through.
pub(super) trait Progress: Observer + WorkProgress {}

impl Progress for Watcher {}
impl Progress for EventLog {}

impl<'a> Reporter<'a> {
    pub fn new(global: &'a Global, events: bool, interrupt: &'a Interrupt) -> Self {
        Self {
            global,
            events,
            interrupt,
        }
    }

    /// Whether the user asked to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupt.asked()
    }

    /// Calls `work` with what shows its progress, counted in `unit`.
    pub fn during<T>(&self, unit: &'static str, work: impl FnOnce(&dyn Progress) -> T) -> T {
        if self.events {
            return work(&EventLog::new(unit, self.interrupt));
        }
        let watcher = Watcher::new(unit, self.global.quiet, self.interrupt);
        let result = work(&watcher);
        watcher.finish();
        result
    }

    pub fn started(&self, dir: &Path) {
        if self.events {
            Event::started(dir).tell();
        }
    }

    pub fn finished(&self, dir: &Path, summary: &Summary) {
        if self.events {
            Event::finished(dir, summary).tell();
        }
    }

    /// An error that does not end the program, and the directory that it is about.
    pub fn error(&self, dir: &Path, error: &dyn fmt::Display) {
        if self.events {
            Event::error(Some(dir), error).tell();
        } else {
            complain(error);
        }
    }

    /// A remark for people.
    pub fn remark(&self, text: &str) {
        self.global.remark(text);
    }
}
