mod classify;
mod compact;
mod completions;
mod dups;
mod export;
mod index;
mod label;
mod models;
mod search;
mod similar;
mod status;
mod tag;
mod verify;

use std::io::Write;
use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Subcommand;

use super::{Global, Outcome};

/// One variant a command, each with its arguments in a file of its own.
#[derive(Subcommand)]
pub(super) enum Command {
    Index(index::IndexArgs),
    Search(search::SearchArgs),
    Similar(similar::SimilarArgs),
    Dups(dups::DupsArgs),
    Classify(classify::ClassifyArgs),
    Label(label::LabelArgs),
    Tag(tag::TagArgs),
    Status(status::StatusArgs),
    Compact(compact::CompactArgs),
    Verify(verify::VerifyArgs),
    Doctor(verify::DoctorArgs),
    Export(export::ExportArgs),
    Models(models::ModelsArgs),
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Runs the command; results go to `out`.
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        match self {
            Self::Index(args) => args.run(global, out),
            Self::Search(args) => args.run(global, out),
            Self::Similar(args) => args.run(global, out),
            Self::Dups(args) => args.run(global, out),
            Self::Classify(args) => args.run(global, out),
            Self::Label(args) => args.run(global, out),
            Self::Tag(args) => args.run(global, out),
            Self::Status(args) => args.run(global, out),
            Self::Compact(args) => args.run(global, out),
            Self::Verify(args) => args.run(global, out),
            Self::Doctor(args) => args.run(global, out),
            Self::Export(args) => args.run(global, out),
            Self::Models(args) => args.run(global, out),
            Self::Completions(args) => args.run(out),
        }
    }
}

/// A number of things to give, look at or keep.
fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "a whole number of at least 1 is needed".to_owned())
}

/// A number from 0 to 1, which messages call a `what`.
fn between_0_and_1(text: &str, what: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err(format!("a {what} lies between 0 and 1"))
    }
}
