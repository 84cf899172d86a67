use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::interrupted;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{counted, plain, write_document};
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome, complain};
use crate::labels::{BankWriter, Method, read_examples};

/// Teach a bank what a label looks like, by example pictures
///
/// The label is made where the bank does not have it, and the bank where the library does not have it. The more examples a
/// label has, the more they weigh beside its name. Pictures stay where they are; the library keeps their vectors.
#[derive(Args)]
pub(super) struct TeachArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// The label, by identifier or name
    #[arg(value_name = "LABEL")]
    label: String,

    /// Pictures that show it
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// How the examples of this bank teach: prototype mixes their mean with the label's text; tip-adapter adds what each
    /// example that a picture is near to is worth (Zhang et al., 2022) [default: the bank's, else prototype]
    #[arg(long, value_name = "prototype|tip-adapter")]
    method: Option<Method>,

    /// Write the summary as one JSON document
    #[arg(long)]
    json: bool,
}

impl TeachArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        global.fetch_model()?;
        let watcher = Watcher::new("prompts", global.quiet, &Interrupt::install(global.quiet)?);
        let mut writer = global.open_for_writing()?;
        let read = read_examples(writer.library(), writer.model(), &self.images)?;
        let mut examples = Vec::new();
        for example in read {
            match example {
                Ok(example) => examples.push(example),
                Err(error) => complain(&error),
            }
        }
        if examples.is_empty() {
            return Ok(Outcome::Failed);
        }
        let mut banks = BankWriter::new(&mut writer);
        let taught = banks.teach(&self.bank, &self.label, &examples, self.method, &watcher)?;
        watcher.finish();
        if taught.interrupted {
            return Ok(interrupted(global));
        }
        if self.json {
            write_document(out, &taught)?;
        } else {
            let new = if taught.new_label { "new label, " } else { "" };
            let (label, added, all) = (plain(&self.label), counted(taught.added, "example"), taught.examples);
            writeln!(out, "{}: {label}: {new}{added} added, {all} in all", self.bank)?;
        }
        Ok(if examples.len() < self.images.len() {
            Outcome::Failed
        } else {
            Outcome::Done
        })
    }
}
