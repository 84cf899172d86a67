use std::io::Write;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::interrupt::Interrupt;
use crate::cli::output::{plain, write_json};
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, BankWriter, Label, LabelSource, PromptTemplate};
use crate::library::LibraryError;

/// Keep label banks: the things that pictures can be recognised as
#[derive(Args)]
pub(in crate::cli) struct LabelArgs {
    #[command(subcommand)]
    command: LabelCommand,
}

#[derive(Subcommand)]
enum LabelCommand {
    /// Add labels to a bank, or make it
    ///
    /// Only new and changed labels are embedded. Labels that the source does not have stay in the bank.
    Add {
        /// Name of the bank
        #[arg(value_name = "BANK")]
        bank: String,
        /// A text file with a label a line; a tab-separated file whose header names its columns (id, name, synonyms,
        /// definition, parents; only name is needed, and '|' separates several synonyms or parents); or one of the
        /// built-in lists: builtin:imagenet-1k, builtin:imagenet-21k
        #[arg(value_name = "FILE|builtin:NAME")]
        source: LabelSource,
        /// The sentence to embed for each label, with {} for its name [default: the bank's, else "a photo of a {}."]
        #[arg(long)]
        template: Option<PromptTemplate>,
        /// Write the summary as one JSON document
        #[arg(long)]
        json: bool,
    },
    /// List the banks
    List {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show the labels of a bank
    Show {
        /// Name of the bank
        #[arg(value_name = "BANK")]
        bank: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Remove a bank, or labels from it
    Remove {
        /// Name of the bank
        #[arg(value_name = "BANK")]
        bank: String,
        /// Labels, by name or identifier; without any, the whole bank is removed
        #[arg(value_name = "LABEL")]
        labels: Vec<String>,
    },
}

#[derive(Serialize)]
struct BankRow<'a> {
    name: &'a str,
    labels: u64,
    template: &'a str,
    source: &'a str,
}

impl LabelArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        match self.command {
            LabelCommand::Add {
                bank,
                source,
                template,
                json,
            } => add(global, &bank, &source, template, json, out),
            LabelCommand::List { json } => list(global, json, out),
            LabelCommand::Show { bank, json } => show(global, &bank, json, out),
            LabelCommand::Remove { bank, labels } => remove(global, &bank, &labels),
        }
    }
}

fn add(
    global: &Global,
    bank: &str,
    source: &LabelSource,
    template: Option<PromptTemplate>,
    json: bool,
    out: &mut dyn Write,
) -> Result<Outcome> {
    global.fetch_model()?;
    let watcher = Watcher::new("labels", global.quiet, &Interrupt::install()?);
    let mut writer = global.open_for_writing()?;
    let outcome = BankWriter::new(&mut writer).add(bank, source, template, &watcher)?;
    watcher.finish();
    if json {
        write_json(out, &outcome)?;
    } else {
        let (added, updated, unchanged) = (outcome.added, outcome.updated, outcome.unchanged);
        writeln!(out, "{bank}: {added} added, {updated} updated, {unchanged} unchanged")?;
    }
    if outcome.kept > 0 {
        let kept = outcome.kept;
        global.remark(&format!(
            "{kept} labels of the bank are not in the source and stay; `clipdex label remove` removes"
        ));
    }
    if outcome.interrupted {
        global.remark("interrupted; what was committed is kept, and the same command goes on from there");
        return Ok(Outcome::Interrupted);
    }
    Ok(Outcome::Done)
}

fn list(global: &Global, json: bool, out: &mut dyn Write) -> Result<Outcome> {
    let library = global.open()?;
    let banks = Bank::all(&library)?;
    let mut rows = Vec::new();
    for bank in &banks {
        let labels = bank.len(&library)?;
        rows.push(BankRow {
            name: bank.name(),
            labels,
            template: bank.template(),
            source: bank.source(),
        });
    }
    if json {
        write_json(out, &rows)?;
    } else {
        for row in &rows {
            let (template, source) = (plain(row.template), plain(row.source));
            writeln!(
                out,
                "{}  {} labels, \"{template}\", from {source}",
                row.name, row.labels
            )?;
        }
    }
    if rows.is_empty() {
        global.remark("no label banks yet; add one with `clipdex label add BANK FILE`");
    }
    Ok(Outcome::found(!rows.is_empty()))
}

fn show(global: &Global, bank: &str, json: bool, out: &mut dyn Write) -> Result<Outcome> {
    let library = global.open()?;
    let labels = Bank::open(&library, bank)?.labels(&library)?;
    if json {
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

fn remove(global: &Global, bank: &str, labels: &[String]) -> Result<Outcome> {
    // Opening for writing would make a library where there is none.
    if let Err(error @ LibraryError::NotFound(_)) = crate::library::Library::open(&global.library_dir()?) {
        return Err(error.into());
    }
    let mut writer = global.open_for_writing()?;
    let mut banks = BankWriter::new(&mut writer);
    if labels.is_empty() {
        banks.remove(bank)?;
        return Ok(Outcome::Done);
    }
    let missing = banks.remove_labels(bank, labels)?;
    if !missing.is_empty() {
        bail!(
            "bank '{bank}' has no label {}; `clipdex label show {bank}` lists them",
            missing.join(", ")
        );
    }
    Ok(Outcome::Done)
}
