use anyhow::{Result, bail};
use clap::Args;

use super::open_to_change;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome};
use crate::labels::BankWriter;

/// Remove a bank, or labels from it
#[derive(Args)]
pub(super) struct RemoveArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// Labels, by name or identifier; without any, the whole bank is removed
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
}

impl RemoveArgs {
    pub fn run(self, global: &Global) -> Result<Outcome> {
        let bank = &self.bank;
        let watcher = Watcher::new("prompts", global.quiet, &Interrupt::install(global.quiet)?);
        let mut writer = open_to_change(global)?;
        let mut banks = BankWriter::new(&mut writer);
        if self.labels.is_empty() {
            banks.remove(bank)?;
            return Ok(Outcome::Done);
        }
        let missing = banks.remove_labels(bank, &self.labels, &watcher)?;
        watcher.finish();
        if !missing.is_empty() {
            bail!(
                "bank '{bank}' has no label {}; `clipdex label show {bank}` lists them",
                missing.join(", ")
            );
        }
        Ok(Outcome::Done)
    }
}
