use std::io::Write;

use anyhow::Result;
use clap::Args;

use crate::cli::output::{plain, write_json};
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, Label};

/// Show the labels of a bank
#[derive(Args)]
pub(super) struct ShowArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl ShowArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let labels = Bank::open(&library, &self.bank)?.labels(&library)?;
        if self.json {
            write_json(out, &labels)?;
        } else {
            for Label {
                id,
                name,
                synonyms,
                definition,
                ..
            } in &labels
            {
                let fields = [id.as_str(), name, &synonyms.join("|"), definition].map(plain);
                writeln!(out, "{}", fields.join("\t").trim())?;
            }
        }
        Ok(Outcome::found(!labels.is_empty()))
    }
}
