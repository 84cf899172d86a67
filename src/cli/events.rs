//! What happens while a command works, for programs: one JSON object a line on standard error.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::interrupt::Interrupt;
use super::output::{PathField, SCHEMA, write_json_line};
use crate::ingest::{Observer, Summary};
use crate::labels::WorkProgress;

/// One line. Fields stay what they are; new ones and new events may come.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// A directory is looked through.
    Started {
        schema: u32,
        #[serde(flatten)]
        dir: PathField,
    },
    /// So many of `unit` are to be done.
    Planned { unit: &'a str, count: u64 },
    /// So many are done for and durable, `failed` of them in vain.
    Progress {
        unit: &'a str,
        done: u64,
        count: u64,
        failed: u64,
        per_second: f64,
        seconds_left: f64,
    },
    /// A file or directory cannot be used.
    Failed {
        #[serde(flatten)]
        path: PathField,
        reason: &'a str,
    },
    /// What makes searches quick is brought up to date.
    Sealing,
    /// What became of a directory.
    Finished {
        #[serde(flatten)]
        dir: PathField,
        #[serde(flatten)]
        summary: &'a Summary,
    },
    /// Something could not be done.
    Error {
        #[serde(flatten)]
        dir: Option<PathField>,
        message: String,
    },
}

impl<'a> Event<'a> {
    pub fn started(dir: &Path) -> Self {
        let dir = PathField::new(dir);
        Self::Started { schema: SCHEMA, dir }
    }

    pub fn finished(dir: &Path, summary: &'a Summary) -> Self {
        let dir = PathField::new(dir);
        Self::Finished { dir, summary }
    }

    pub fn error(dir: Option<&Path>, error: &dyn fmt::Display) -> Self {
        Self::Error {
            dir: dir.map(PathField::new),
            message: error.to_string(),
        }
    }

    /// Writes the line in one piece. Whether somebody reads it is no concern of the work.
    pub fn tell(&self) {
        let mut line = Vec::new();
        let _ = write_json_line(&mut line, self);
        let _ = io::stderr().lock().write_all(&line);
    }
}

/// Tells of a run in events.
pub(super) struct EventLog {
    unit: &'static str,
    interrupt: Interrupt,
    counts: Mutex<Counts>,
}

struct Counts {
    begun: Instant,
    done: u64,
    count: u64,
    failed: u64,
}

impl EventLog {
    /// Counts in `unit`.
    pub fn new(unit: &'static str, interrupt: &Interrupt) -> Self {
        let (begun, done, count, failed) = (Instant::now(), 0, 0, 0);
        Self {
            unit,
            interrupt: interrupt.clone(),
            counts: Mutex::new(Counts {
                begun,
                done,
                count,
                failed,
            }),
        }
    }

    fn plan(&self, count: usize) {
        let count = count as u64;
        self.change(|counts| {
            counts.begun = Instant::now();
            counts.count = count;
        });
        Event::Planned { unit: self.unit, count }.tell();
    }

    fn advance(&self, more: usize) {
        let event = self.change(|counts| {
            counts.done += more as u64;
            let per_second = counts.done as f64 / counts.begun.elapsed().as_secs_f64().max(1e-3);
            let left = counts.count.saturating_sub(counts.done) as f64;
            Event::Progress {
                unit: self.unit,
                done: counts.done,
                count: counts.count,
                failed: counts.failed,
                per_second,
                seconds_left: if left > 0.0 { left / per_second.max(1e-3) } else { 0.0 },
            }
        });
        event.tell();
    }

    fn change<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for EventLog {
    fn planned(&self, files: usize) {
        self.plan(files);
    }

    fn committed(&self, files: usize) {
        self.advance(files);
    }

    fn sealing(&self) {
        Event::Sealing.tell();
    }

    fn sealed(&self, _: u64, _: u64) {}

    fn failed(&self, path: &Path, reason: &str) {
        self.change(|counts| counts.failed += 1);
        let path = PathField::new(path);
        Event::Failed { path, reason }.tell();
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}

impl WorkProgress for EventLog {
    fn planned(&self, prompts: usize) {
        self.plan(prompts);
    }

    fn committed(&self, prompts: usize) {
        self.advance(prompts);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}
