use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::{interrupted, open_to_change};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{plain, write_document};
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome};
use crate::labels::{BankWriter, LabelEdit};

/// Change a label of a bank
///
/// What is given takes the place of what the label has; an empty text takes it away. The label is embedded again where its
/// prompts change.
#[derive(Args)]
pub(super) struct EditArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// The label, by identifier or name
    #[arg(value_name = "LABEL")]
    label: String,

    #[command(flatten)]
    change: ChangeArgs,

    /// Write the label as one JSON document
    #[arg(long)]
    json: bool,
}

/// At least one of these.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct ChangeArgs {
    /// Another name
    #[arg(long)]
    name: Option<String>,

    /// What the name means
    #[arg(long, value_name = "TEXT")]
    definition: Option<String>,

    /// Another name of the same thing; may be given several times
    #[arg(long = "synonym", value_name = "NAME")]
    synonyms: Option<Vec<String>>,

    /// Identifier of a label that this one is a kind of; may be given several times
    #[arg(long = "parent", value_name = "ID")]
    parents: Option<Vec<String>>,

    /// A sentence to embed for this label in place of the bank's templates; may be given several times
    #[arg(long = "prompt", value_name = "SENTENCE")]
    prompts: Option<Vec<String>>,
}

impl EditArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let edit = LabelEdit {
            name: self.change.name,
            definition: self.change.definition,
            synonyms: self.change.synonyms,
            parents: self.change.parents,
            prompts: self.change.prompts,
        };
        let watcher = Watcher::new("prompts", global.quiet, &Interrupt::install(global.quiet)?);
        let mut writer = open_to_change(global)?;
        let edited = BankWriter::new(&mut writer).edit(&self.bank, &self.label, &edit, &watcher)?;
        watcher.finish();
        let Some(label) = edited else {
            return Ok(interrupted(global));
        };
        if self.json {
            write_document(out, &label)?;
        } else {
            writeln!(out, "{}: changed {}", self.bank, plain(label.key()))?;
        }
        Ok(Outcome::Done)
    }
}
