use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::open_to_change;
use crate::cli::output::{counted, plain, plain_path};
use crate::cli::{Global, Outcome, complain};
use crate::labels::BankWriter;

/// Take examples from a label
///
/// The label itself stays; `clipdex label remove` removes it.
#[derive(Args)]
pub(super) struct ForgetArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// The label, by identifier or name
    #[arg(value_name = "LABEL")]
    label: String,

    /// Pictures, as they were given or with the same content; without any, all examples of the label are forgotten
    #[arg(value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

impl ForgetArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let mut writer = open_to_change(global)?;
        let images = (!self.images.is_empty()).then_some(self.images.as_slice());
        let outcome = BankWriter::new(&mut writer).forget(&self.bank, &self.label, images)?;
        let (bank, label) = (&self.bank, plain(&self.label));
        let forgotten = counted(outcome.forgotten, "example");
        writeln!(out, "{bank}: {label}: {forgotten} forgotten")?;
        for picture in &outcome.missing {
            let picture = plain_path(picture);
            complain(&format!(
                "'{picture}' is no example of {label}; `clipdex label show {bank} '{label}'` lists them"
            ));
        }
        if !outcome.missing.is_empty() {
            return Ok(Outcome::Failed);
        }
        Ok(Outcome::found(outcome.forgotten > 0))
    }
}
