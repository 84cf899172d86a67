use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::cli::output::{counted, plain, write_json};
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, Recipe, With};
use crate::library::Library;

/// List the banks
#[derive(Args)]
pub(super) struct ListArgs {
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct BankRow {
    name: String,
    labels: u64,
    /// The one template, or what the set of them is called.
    template: String,
    templates: usize,
    with: String,
    senses: String,
    temperature: Option<f32>,
    source: String,
}

impl ListArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let banks = Bank::all(&library)?;
        let rows: Vec<BankRow> = banks
            .iter()
            .map(|bank| BankRow::new(bank, &library))
            .collect::<Result<_>>()?;
        if self.json {
            write_json(out, &rows)?;
        } else {
            rows.iter().try_for_each(|row| row.write(out))?;
        }
        if rows.is_empty() {
            global.remark("no label banks yet; add one with `clipdex label add BANK FILE`");
        }
        Ok(Outcome::found(!rows.is_empty()))
    }
}

impl BankRow {
    fn new(bank: &Bank, library: &Library) -> Result<Self> {
        let Recipe {
            templates,
            with,
            senses,
        } = bank.recipe();
        Ok(Self {
            name: bank.name().to_owned(),
            labels: bank.len(library)?,
            template: templates.to_string(),
            templates: templates.templates().len(),
            with: with.to_string(),
            senses: senses.to_string(),
            temperature: bank.temperature(),
            source: bank.source().to_owned(),
        })
    }

    fn write(&self, out: &mut dyn Write) -> Result<()> {
        let (name, labels, source) = (&self.name, counted(self.labels, "label"), plain(&self.source));
        let templates = match self.templates {
            1 => format!("\"{}\"", plain(&self.template)),
            several => format!("{} ({several} templates)", plain(&self.template)),
        };
        write!(out, "{name}  {labels}, {templates}")?;
        if self.with != With::default().to_string() {
            write!(out, " with {}", self.with)?;
        }
        if let Some(temperature) = self.temperature {
            write!(out, ", temperature {temperature:.3}")?;
        }
        writeln!(out, ", from {source}")?;
        Ok(())
    }
}
