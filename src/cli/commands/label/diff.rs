use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::cli::output::{SCHEMA, plain, write_json};
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, Difference, Label, LabelSource};

/// Compare a bank with a source of labels
///
/// Shows what `clipdex label add` would add (+) and change (~), and what only the bank has (-). The exit code is 0 where the
/// two are the same and 1 where they differ.
#[derive(Args)]
pub(super) struct DiffArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// As `clipdex label add` takes it
    #[arg(value_name = "FILE|builtin:NAME")]
    source: LabelSource,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    labels: &'a str,
    source: String,
    new: &'a [Label],
    only_in_bank: &'a [Label],
    changed: Vec<ChangedRow<'a>>,
}

#[derive(Serialize)]
struct ChangedRow<'a> {
    id: &'a str,
    name: &'a str,
    fields: &'a [&'static str],
}

impl<'a> ChangedRow<'a> {
    fn new((label, fields): &'a (Label, Vec<&'static str>)) -> Self {
        Self {
            id: &label.id,
            name: &label.name,
            fields,
        }
    }
}

impl DiffArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let labels = Bank::open(&library, &self.bank)?.labels(&library)?;
        let difference = Difference::between(labels, self.source.read()?);
        if self.json {
            self.write_document(&difference, out)?;
        } else {
            write_lines(&difference, out)?;
        }
        Ok(if difference.is_empty() {
            Outcome::Done
        } else {
            Outcome::Nothing
        })
    }

    fn write_document(&self, difference: &Difference, out: &mut dyn Write) -> Result<()> {
        let document = Document {
            schema: SCHEMA,
            labels: &self.bank,
            source: self.source.to_string(),
            new: &difference.new,
            only_in_bank: &difference.gone,
            changed: difference.changed.iter().map(ChangedRow::new).collect(),
        };
        write_json(out, &document)?;
        Ok(())
    }
}

fn write_lines(difference: &Difference, out: &mut dyn Write) -> Result<()> {
    for label in &difference.new {
        writeln!(out, "+ {}", described(label))?;
    }
    for label in &difference.gone {
        writeln!(out, "- {}", described(label))?;
    }
    for (label, fields) in &difference.changed {
        writeln!(out, "~ {}: {}", described(label), fields.join(", "))?;
    }
    Ok(())
}

fn described(label: &Label) -> String {
    if label.id.is_empty() {
        plain(&label.name)
    } else {
        format!("{} ({})", plain(&label.name), plain(&label.id))
    }
}
