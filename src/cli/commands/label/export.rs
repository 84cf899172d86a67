use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::cli::output::{LabelFormat, write_labels};
use crate::cli::{Global, Outcome};
use crate::labels::Bank;

/// Write the labels of a bank as a file that `clipdex label add` reads
///
/// Adding what was written to the bank changes nothing. Examples are no part of it.
#[derive(Args)]
pub(super) struct ExportArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// A table with tabs, with commas, or a JSON object a line; what holds a tab, a line break or '|' can only be written as
    /// jsonl
    #[arg(long, value_enum, default_value_t = FormatArg::Tsv)]
    format: FormatArg,

    /// A file to write to, which is overwritten; else standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    Tsv,
    Csv,
    Jsonl,
}

impl ExportArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let labels = Bank::open(&library, &self.bank)?.labels(&library)?;
        let format = match self.format {
            FormatArg::Tsv => LabelFormat::Tsv,
            FormatArg::Csv => LabelFormat::Csv,
            FormatArg::Jsonl => LabelFormat::JsonLines,
        };
        match &self.output {
            None => write_labels(&labels, format, out)?,
            Some(path) => {
                let named = || format!("cannot write '{}'", path.display());
                let mut file = BufWriter::new(File::create(path).with_context(named)?);
                write_labels(&labels, format, &mut file)?;
                file.flush().with_context(named)?;
            }
        }
        Ok(Outcome::found(!labels.is_empty()))
    }
}
