mod change;
mod report;
mod update;
mod watch;

use std::io::Write;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::count;
use crate::cli::events::Event;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{is_broken_pipe, write_json};
use crate::cli::{Global, Outcome};
use crate::ingest::Options;
use crate::library::LibraryWriter;
use crate::media::Limits;
use change::change_model;
use report::Reporter;
use update::update;

/// Index directories of photographs, or bring the library up to date with them
///
/// Looks into directories recursively. Hidden files are left out, and so is what a .clipdexignore file names (in the
/// syntax of .gitignore); symbolic links are not followed. A second run reads only what is new or changed, forgets what
/// is gone, and knows a renamed file by its content. A photograph that cannot be decoded does not end the run: `clipdex
/// status --failures` lists them, and they are tried again when they change. Ctrl-C keeps all that was committed.
///
/// With --model, a library that was made with another model changes to this one first: all photographs and labels are
/// embedded anew, while searches go on with what is there, and the library switches when everything is done.
#[derive(Args)]
pub(in crate::cli) struct IndexArgs {
    /// Directories of photographs [default: those that the library has]
    #[arg(value_name = "DIR")]
    dirs: Vec<PathBuf>,

    /// Threads that decode [default: one a core]
    #[arg(short, long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    jobs: Option<NonZeroUsize>,

    /// Photographs that are embedded and committed together, at most [default: 32]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    batch_size: Option<NonZeroUsize>,

    /// Largest photograph to decode, in pixels: width times height [default: 200000000]
    #[arg(long, value_name = "N")]
    max_pixels: Option<NonZeroU64>,

    /// Forget the photographs of a directory that has become empty or is gone
    #[arg(long)]
    prune: bool,

    /// Try files again that could not be used before, although they have not changed
    #[arg(long)]
    retry_failed: bool,

    /// Go on with every change of the directories until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,

    /// Write the summary as one JSON document
    #[arg(long)]
    json: bool,

    /// Progress and errors for programs, on standard error: a JSON object a line
    #[arg(long)]
    json_progress: bool,
}

impl IndexArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        if !self.json_progress {
            return self.index(global, out);
        }
        let quiet = Global {
            quiet: true,
            ..global.clone()
        };
        match self.index(&quiet, out) {
            Err(error) if !is_broken_pipe(&error) => {
                Event::error(None, &error).tell();
                Ok(Outcome::Failed)
            }
            result => result,
        }
    }

    fn index(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        global.fetch_model()?;
        let interrupt = Interrupt::install(global.quiet)?;
        let reporter = Reporter::new(global, self.json_progress, &interrupt);
        let options = self.options();
        if self.dirs.is_empty() {
            // Opening for writing would make a library where there is none.
            global.open()?;
        }
        if change_model(global, &options, &reporter)? == Outcome::Interrupted {
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
        let watch = self.watch.then(|| watch::begin(&dirs, writer.library().dir()));
        let updated = update(&mut writer, &dirs, &options, &reporter, |ingest, dir, progress| {
            ingest.update(dir, progress)
        })?;
        drop(writer);
        if self.json {
            write_json(out, &updated.reports)?;
        } else {
            updated.reports.iter().try_for_each(|report| report.write(out))?;
        }
        if interrupt.asked() {
            return Ok(interrupted(global));
        }
        match watch {
            Some((watch, dirs)) if !updated.broken => {
                out.flush()?;
                watch::watch(global, watch, &dirs, &options, &reporter, out)
            }
            _ if updated.failed => Ok(Outcome::Failed),
            _ => Ok(Outcome::Done),
        }
    }

    fn options(&self) -> Options {
        let defaults = Options::default();
        Options {
            jobs: self.jobs.unwrap_or(defaults.jobs),
            batch_size: self.batch_size.unwrap_or(defaults.batch_size),
            limits: Limits {
                max_pixels: self.max_pixels.map_or(defaults.limits.max_pixels, NonZeroU64::get),
                ..defaults.limits
            },
            prune: self.prune,
            retry_failed: self.retry_failed,
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
