//! The command line: argument types, one file a command, output formats.
//!
//! Only this room prints, ends the process, and uses anyhow. Standard output holds results and nothing else.

mod commands;
mod events;
mod interrupt;
mod output;
mod progress;

use std::env;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::encoder::{Device, Model, PREFERRED_MODEL, Precision, default_model, ensure};
use crate::library::{Library, LibraryError, LibraryWriter, default_library_dir};
use commands::Command;
use output::{StandardOutput, is_broken_pipe};
use progress::DownloadBar;

/// Searches photographs by what they show: in words, by example, or by recognising what is in them.
///
/// Everything happens on this machine. Start with `clipdex index DIR`, then `clipdex search "words"`.
#[derive(Parser)]
#[command(name = "clipdex", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// As the process's arguments and environment say; ends it where they cannot be understood.
    fn of_process() -> Self {
        // A shell asks for completions as it starts, where a setting that is wrong must not be in the way.
        let completions = env::args_os().nth(1).is_some_and(|word| word == "completions");
        let command = Self::command().mut_args(|argument| match argument.get_env() {
            Some(name) if completions || env::var_os(name).is_some_and(|value| value.is_empty()) => {
                argument.env(Resettable::Reset)
            }
            _ => argument,
        });
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// What every command takes.
#[derive(Args, Clone)]
#[command(next_help_heading = "Options of all commands")]
struct Global {
    /// Directory of the library [default: clipdex in the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "CLIPDEX_LIBRARY")]
    library: Option<PathBuf>,

    /// Model that makes the vectors: a known name, a Hugging Face id or a directory [default: the one that the library
    /// was made with; for a new library CLIPDEX_MODEL, else the best that is on this machine]
    #[arg(long, global = true, value_name = "NAME|DIR")]
    model: Option<String>,

    /// What vectors are computed in; int8 is the quickest and least exact [default: on the CPU bf16 where the processor has
    /// it, else f32]
    #[arg(
        long,
        global = true,
        value_enum,
        env = "CLIPDEX_PRECISION",
        default_value_t,
        hide_default_value = true
    )]
    precision: PrecisionArg,

    /// Where vectors are computed; what is not the CPU needs a clipdex that was built with the feature `cuda` or `metal`
    /// [default: cpu]
    #[arg(
        long,
        global = true,
        value_name = "cpu|cuda[:N]|metal",
        env = "CLIPDEX_DEVICE",
        default_value_t,
        hide_default_value = true
    )]
    device: Device,

    /// No progress and no remarks on standard error, only errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// A precision, or the one that suits the processor.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PrecisionArg {
    /// On the CPU bf16 where the processor has it, else f32
    #[default]
    Auto,
    /// As the weights were published
    F32,
    /// Half the memory; quicker where the processor has it
    Bf16,
    /// A quarter of the memory
    Int8,
}

impl Global {
    fn library_dir(&self) -> Result<PathBuf> {
        match &self.library {
            Some(dir) => Ok(dir.clone()),
            None => Ok(default_library_dir()?),
        }
    }

    fn open(&self) -> Result<Library> {
        Ok(Library::open(&self.library_dir()?)?)
    }

    fn precision(&self) -> Precision {
        match self.precision {
            PrecisionArg::Auto => self.device.auto_precision(),
            PrecisionArg::F32 => Precision::F32,
            PrecisionArg::Bf16 => Precision::Bf16,
            PrecisionArg::Int8 => Precision::Int8,
        }
    }

    /// Fetches the model that the command line names, or the environment for a new library, where it is not on this
    /// machine. To be called before Ctrl-C is taken over: until then it ends a download, which the next run goes on with.
    fn fetch_model(&self) -> Result<()> {
        // Not after a download, or in a library that was just made.
        self.device.check()?;
        let preferred = preferred_model();
        let named = match (&self.model, &preferred) {
            (Some(asked), _) => asked,
            (None, Some(preferred)) if self.library_is_new()? => preferred,
            _ => return Ok(()),
        };
        ensure(named, &DownloadBar::new(self.quiet, None))?;
        Ok(())
    }

    fn library_is_new(&self) -> Result<bool> {
        match Library::open(&self.library_dir()?).and_then(|library| library.images()) {
            Err(LibraryError::NotFound(_) | LibraryError::NoPhotos(_)) => Ok(true),
            opened => opened.map(|_| false).map_err(Into::into),
        }
    }

    fn open_for_writing(&self) -> Result<LibraryWriter> {
        let preferred = preferred_model();
        let default = preferred.as_deref().unwrap_or_else(|| default_model());
        let writer = LibraryWriter::open(&self.library_dir()?, self.model.as_deref(), default)?;
        if writer.is_new() && self.model.is_none() && preferred.is_none() && default != PREFERRED_MODEL {
            self.remark(&format!(
                "no stronger model is on this machine, so the library is made with the built-in one, '{default}'; for a \
                 stronger one: `clipdex models pull {PREFERRED_MODEL}`, then `clipdex index --model {PREFERRED_MODEL}`"
            ));
        }
        Ok(writer.with_precision(self.precision()).with_device(self.device))
    }

    /// The library's model, to compute as the command line says.
    fn model_of(&self, library: &Library) -> Result<Model> {
        let model = library.model(self.model.as_deref())?;
        Ok(model.with_precision(self.precision()).with_device(self.device))
    }

    /// A remark on standard error, unless silence was asked for.
    fn remark(&self, text: &str) {
        if !self.quiet {
            eprintln!("clipdex: {text}");
        }
    }
}

/// The model of a new library, as the environment names it.
fn preferred_model() -> Option<String> {
    env::var("CLIPDEX_MODEL").ok().filter(|name| !name.is_empty())
}

/// How a command ended, as its exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Done, or something was found.
    Done,
    /// Nothing was found.
    Nothing,
    /// Not all could be done, and each error has been said.
    Failed,
    /// The user stopped it.
    Interrupted,
}

impl Outcome {
    /// For a command that looks for something.
    fn found(any: bool) -> Self {
        if any { Self::Done } else { Self::Nothing }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Nothing => 1,
            Outcome::Failed => 2,
            Outcome::Interrupted => 130,
        })
    }
}

/// Runs the program with the process's arguments: 0 done or found, 1 nothing found, 2 an error, 130 interrupted.
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::of_process();
    let mut out = StandardOutput::lock();
    let result = command.run(&global, &mut out).and_then(|outcome| {
        out.flush()?;
        Ok(outcome)
    });
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            Outcome::Failed.into()
        }
    }
}

/// An error on standard error; its own message names its cause.
fn complain(error: &dyn fmt::Display) {
    eprintln!("clipdex: {}", output::plain(&error.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
