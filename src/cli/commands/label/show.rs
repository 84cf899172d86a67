use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::cli::output::{PathField, plain, plain_path, write_json};
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, Label};
use crate::library::Library;

/// Show the labels of a bank
///
/// All of them, a line each; or everything about some of them.
#[derive(Args)]
pub(super) struct ShowArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// Labels, by identifier or name
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// Everything about a label.
#[derive(Serialize)]
struct LabelRow {
    #[serde(flatten)]
    label: Label,
    /// What was embedded for it.
    texts: Vec<String>,
    /// The pictures that taught it.
    examples: Vec<PathField>,
    #[serde(skip)]
    paths: Vec<PathBuf>,
}

impl ShowArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let bank = Bank::open(&library, &self.bank)?;
        if !self.labels.is_empty() {
            let rows = rows(&bank, &library, &self.labels)?;
            if self.json {
                write_json(out, &rows)?;
            } else {
                rows.iter().try_for_each(|row| row.write(out))?;
            }
            return Ok(Outcome::Done);
        }
        let labels = bank.labels(&library)?;
        if self.json {
            write_json(out, &labels)?;
        } else {
            labels.iter().try_for_each(|label| write_line(label, out))?;
        }
        Ok(Outcome::found(!labels.is_empty()))
    }
}

fn write_line(label: &Label, out: &mut dyn Write) -> Result<()> {
    let fields = [&label.id, &label.name, &label.synonyms.join("|"), &label.definition].map(|field| plain(field));
    writeln!(out, "{}", fields.join("\t").trim())?;
    Ok(())
}

fn rows(bank: &Bank, library: &Library, words: &[String]) -> Result<Vec<LabelRow>> {
    let mut labels = Vec::new();
    for word in words {
        labels.push(bank.find(library, word)?.1);
    }
    let examples = bank.examples(library)?;
    let texts = bank.prompts(library, &labels)?;
    let row = |(label, texts): (Label, Vec<String>)| {
        let own = examples.iter().filter(|(key, _)| key == label.key());
        let paths: Vec<PathBuf> = own.map(|(_, path)| path.clone()).collect();
        LabelRow {
            label,
            texts,
            examples: paths.iter().map(|path| PathField::new(path)).collect(),
            paths,
        }
    };
    Ok(labels.into_iter().zip(texts).map(row).collect())
}

impl LabelRow {
    fn write(&self, out: &mut dyn Write) -> Result<()> {
        let Label {
            id,
            name,
            synonyms,
            definition,
            parents,
            ..
        } = &self.label;
        writeln!(out, "{}", plain(name))?;
        let (synonyms, parents) = (synonyms.join(", "), parents.join(", "));
        let fields = [
            ("id", id),
            ("synonyms", &synonyms),
            ("definition", definition),
            ("parents", &parents),
        ];
        for (title, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
            writeln!(out, "  {title:<11} {}", plain(text))?;
        }
        for text in &self.texts {
            writeln!(out, "  {:<11} {}", "text", plain(text))?;
        }
        for path in &self.paths {
            writeln!(out, "  {:<11} {}", "example", plain_path(path))?;
        }
        Ok(())
    }
}
