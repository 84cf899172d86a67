mod change;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::cli::interrupt::Interrupt;
use crate::cli::output::{PathField, shown_path, write_json};
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome, complain};
use crate::ingest::{IngestError, Options, Summary, ingest};
use crate::library::LibraryWriter;
use change::change_model;

/// Index directories of photographs, or bring the library up to date with them
///
/// Looks into directories recursively. Hidden files are left out, and so is what a .clipdexignore file names (in the
/// syntax of .gitignore); symbolic links are not followed. A second run reads only what is new or changed, forgets what
/// is gone, and knows a renamed file by its content. A photograph that cannot be decoded does not end the run: `clipdex
/// status --failures` lists them. Ctrl-C keeps all that was committed.
///
/// With --model, a library that was made with another model changes to this one first: all photographs and labels are
/// embedded anew, while searches go on with what is there, and the library switches when everything is done.
#[derive(Args)]
pub(in crate::cli) struct IndexArgs {
    /// Directories of photographs [default: those that the library has]
    #[arg(value_name = "DIR")]
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
        global.fetch_model()?;
        let interrupt = Interrupt::install()?;
        let options = self.options();
        if self.dirs.is_empty() {
            // Opening for writing would make a library where there is none.
            global.open()?;
        }
        if change_model(global, &options, &interrupt)? == Outcome::Interrupted {
            return Ok(interrupted(global));
        }
        let mut writer = global.open_for_writing()?;
        mention_change(global, &mut writer)?;
        let dirs = match self.dirs.as_slice() {
            [] => writer.library().roots()?.into_iter().map(|(_, dir)| dir).collect(),
            named => named.to_vec(),
        };
        if dirs.is_empty() {
            bail!("the library has no directories yet; name those of your photographs");
        }
        let mut reports = Vec::new();
        let mut failed = false;
        for dir in &dirs {
            let watcher = Watcher::new("photos", global.quiet, &interrupt);
            let result = ingest(&mut writer, dir, &options, &watcher);
            watcher.finish();
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
            return Ok(interrupted(global));
        }
        Ok(if failed { Outcome::Failed } else { Outcome::Done })
    }

    fn options(&self) -> Options {
        let defaults = Options::default();
        Options {
            jobs: self.jobs.unwrap_or(defaults.jobs),
            prune: self.prune,
            ..defaults
        }
    }
}

fn interrupted(global: &Global) -> Outcome {
    global.remark("interrupted; what was committed is kept, and the next run goes on from there");
    Outcome::Interrupted
}

/// A change of model that was begun and not finished: whoever names the library's own model gives it up.
fn mention_change(global: &Global, writer: &mut LibraryWriter) -> Result<()> {
    let Some(change) = writer.library().pending_change()? else {
        return Ok(());
    };
    let (model, stored) = (change.model, writer.model().identity().name.clone());
    if global.model.is_some() {
        writer.give_up_change()?;
        global.remark(&format!(
            "the library stays with model '{stored}'; the change to '{model}' is given up"
        ));
    } else {
        global.remark(&format!(
            "a change to model '{model}' is not finished: go on with `clipdex index --model '{model}'`, or stay with \
             `clipdex index --model '{stored}'`"
        ));
    }
    Ok(())
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
