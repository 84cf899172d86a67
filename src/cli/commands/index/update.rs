//! One run over directories, and what is said of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::report::{Progress, Reporter};
use crate::cli::output::{PathField, shown_path};
use crate::ingest::{Ingest, IngestError, Options, Summary};
use crate::library::LibraryWriter;

/// What became of the directories of a run.
#[derive(Default)]
pub(super) struct Updated {
    pub reports: Vec<Report>,
    /// Whether there was an error, which has been said.
    pub failed: bool,
    /// Whether that error concerns more than the directory in which it came up.
    pub broken: bool,
}

#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    path: PathField,
    #[serde(flatten)]
    pub summary: Summary,
    #[serde(skip)]
    dir: PathBuf,
}

/// Brings the library up to date with `dirs`, by `step` for each of them.
pub(super) fn update(
    writer: &mut LibraryWriter,
    dirs: &[PathBuf],
    options: &Options,
    reporter: &Reporter<'_>,
    step: impl Fn(&mut Ingest<'_>, &Path, &dyn Progress) -> Result<(), IngestError>,
) -> Result<Updated> {
    let mut ingest = Ingest::new(writer, options);
    let (mut updated, mut done) = (Updated::default(), Vec::new());
    for dir in dirs {
        reporter.started(dir);
        match reporter.during("photos", |progress| step(&mut ingest, dir, progress)) {
            Ok(()) => done.push(dir),
            Err(IngestError::Interrupted) => {}
            Err(error) => {
                reporter.error(dir, &error);
                updated.failed = true;
                updated.broken = !error.is_of_directory();
            }
        }
        if updated.broken || reporter.interrupted() {
            break;
        }
    }
    let summaries = if updated.broken {
        ingest.abandon()
    } else {
        reporter.during("photos", |progress| ingest.finish(progress))?
    };
    for (dir, summary) in done.into_iter().zip(summaries) {
        reporter.finished(dir, &summary);
        updated.reports.push(Report {
            path: PathField::new(dir),
            summary,
            dir: dir.clone(),
        });
    }
    Ok(updated)
}

impl Report {
    /// Writes a line for people.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        writeln!(out, "{}: {}", shown_path(&self.dir), describe(&self.summary))?;
        Ok(())
    }

    /// Whether anything is other than before.
    pub fn has_changes(&self) -> bool {
        let still = Summary {
            unchanged: self.summary.unchanged,
            failed_before: self.summary.failed_before,
            interrupted: self.summary.interrupted,
            ..Summary::default()
        };
        self.summary != still
    }
}

fn describe(summary: &Summary) -> String {
    let parts = [
        (summary.added, "added"),
        (summary.updated, "updated"),
        (summary.renamed, "renamed"),
        (summary.copied, if summary.copied == 1 { "copy" } else { "copies" }),
        (summary.removed, "removed"),
        (summary.unchanged, "unchanged"),
        (summary.failed, "failed"),
        (summary.failed_before, "failed before and not changed since"),
    ];
    let told: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if told.is_empty() {
        "no photographs".to_owned()
    } else {
        told.join(", ")
    }
}
