use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::interrupt::Interrupt;
use crate::cli::output::{PathField, plain, plain_path, shown_path, write_json};
use crate::cli::{Global, Outcome, complain, progress};
use crate::ingest::{IngestError, Observer, Options, Summary, ingest};

/// Index directories of photographs, or bring the library up to date with them
///
/// Looks into directories recursively. Hidden files are left out, and so is what a .clipdexignore file names (in the
/// syntax of .gitignore); symbolic links are not followed. A second run reads only what is new or changed, forgets what
/// is gone, and knows a renamed file by its content. A photograph that cannot be decoded does not end the run: `clipdex
/// status --failures` lists them. Ctrl-C keeps all that was committed.
#[derive(Args)]
pub(in crate::cli) struct IndexArgs {
    /// Directories of photographs
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,

    /// Threads that read and decode [default: one a core]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Forget the photographs of a directory that has become empty or is gone
    #[arg(long)]
    prune: bool,

    /// Write the summary as one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    dir: PathField,
    #[serde(flatten)]
    summary: Summary,
}

impl IndexArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let interrupt = Interrupt::install()?;
        let mut writer = global.open_for_writing()?;
        let defaults = Options::default();
        let options = Options {
            jobs: self.jobs.unwrap_or(defaults.jobs),
            prune: self.prune,
            ..defaults
        };

        let mut reports = Vec::new();
        let mut failed = false;
        for dir in &self.dirs {
            let watcher = Watcher::new(global.quiet, interrupt.clone());
            let result = ingest(&mut writer, dir, &options, &watcher);
            watcher.bar.finish_and_clear();
            match result {
                Ok(summary) => {
                    if !self.json {
                        writeln!(out, "{}: {}", shown_path(dir), describe(&summary))?;
                    }
                    reports.push(Report {
                        dir: PathField::new(dir),
                        summary,
                    });
                }
                Err(IngestError::Interrupted) => {}
                Err(error) => {
                    complain(&error);
                    failed = true;
                }
            }
            if interrupt.asked() {
                break;
            }
        }
        if self.json {
            write_json(out, &reports)?;
        }
        if interrupt.asked() {
            global.remark("interrupted; what was committed is kept, and the next run goes on from there");
            return Ok(Outcome::Interrupted);
        }
        Ok(if failed { Outcome::Failed } else { Outcome::Done })
    }
}

fn describe(summary: &Summary) -> String {
    let parts = [
        (summary.added, "added"),
        (summary.updated, "updated"),
        (summary.renamed, "renamed"),
        (summary.copied, "copies"),
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

/// Shows a run on standard error.
struct Watcher {
    bar: ProgressBar,
    quiet: bool,
    interrupt: Interrupt,
}

impl Watcher {
    fn new(quiet: bool, interrupt: Interrupt) -> Self {
        let bar = progress::bar("photos", quiet);
        Self { bar, quiet, interrupt }
    }
}

impl Observer for Watcher {
    fn planned(&self, files: usize) {
        self.bar.set_length(files as u64);
        self.bar.reset();
    }

    fn committed(&self, files: usize) {
        self.bar.inc(files as u64);
    }

    fn sealing(&self) {
        self.bar.set_message("; making searches quick");
    }

    fn failed(&self, path: &Path, reason: &str) {
        if !self.quiet {
            self.bar
                .suspend(|| eprintln!("clipdex: skipped '{}': {}", plain_path(path), plain(reason)));
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}
