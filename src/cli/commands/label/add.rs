use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::interrupted;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{counted, write_document};
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome};
use crate::labels::{BankWriter, LabelError, LabelSource, PromptTemplate, RecipeChange, Senses, TemplateSet, With};

/// Add labels to a bank, or make it
///
/// Only new and changed labels are embedded, and a text that several labels have is embedded once. Labels that the source
/// does not have stay in the bank. A bank remembers its templates, --with and --senses; where one of them is given and
/// another than before, the vectors that it changes are made anew, in the whole bank.
#[derive(Args)]
pub(super) struct AddArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// A text file with a label a line; a table with tabs or commas whose header names its columns (id, name, synonyms,
    /// definition, parents, prompts; only name is needed, and '|' separates several synonyms, parents or prompts); a JSON
    /// object a line, with these fields and lists for several; or one of the built-in lists: builtin:imagenet-1k,
    /// builtin:imagenet-21k, builtin:wordnet-nouns
    #[arg(value_name = "FILE|builtin:NAME")]
    source: LabelSource,

    #[command(flatten)]
    recipe: RecipeArgs,

    /// Write the summary as one JSON document
    #[arg(long)]
    json: bool,
}

/// How labels become vectors.
#[derive(Args)]
struct RecipeArgs {
    /// The sentences to embed for each label, the mean of whose vectors stands for it: a file with a sentence a line, with
    /// {} for the name; builtin:simple ("a photo of a {}."), builtin:photo-7 or builtin:imagenet-80, which CLIP was
    /// evaluated with; or none for the bare name [default: the bank's; for a new bank none where most names are
    /// sentences, else builtin:simple]
    #[arg(long, value_name = "FILE|builtin:NAME|none")]
    templates: Option<String>,

    /// The one sentence to embed for each label, with {} for its name
    #[arg(long, conflicts_with = "templates")]
    template: Option<PromptTemplate>,

    /// Put synonyms into the templates as well, or the name with its definition: synonyms, definition, both with a comma,
    /// or none [default: the bank's, else none]
    #[arg(long, value_name = "WHAT")]
    with: Option<With>,

    /// How labels of one name are told apart, by a further prompt: by the nearest parent that the others do not have, as in
    /// "crane (wading bird)", which may be looked up in builtin:wordnet-nouns; by their definition; or off [default: the
    /// bank's, else parent]
    #[arg(long, value_name = "parent|definition|off")]
    senses: Option<Senses>,
}

impl RecipeArgs {
    fn change(self) -> Result<RecipeChange, LabelError> {
        let set = self.templates.map(|text| TemplateSet::open(&text)).transpose()?;
        Ok(RecipeChange {
            templates: set.or(self.template.map(TemplateSet::single)),
            with: self.with,
            senses: self.senses,
        })
    }
}

impl AddArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let change = self.recipe.change()?;
        global.fetch_model()?;
        let watcher = Watcher::new("prompts", global.quiet, &Interrupt::install(global.quiet)?);
        let mut writer = global.open_for_writing()?;
        let outcome = BankWriter::new(&mut writer).add(&self.bank, &self.source, &change, &watcher)?;
        watcher.finish();
        if self.json {
            write_document(out, &outcome)?;
        } else {
            let (added, updated, unchanged) = (outcome.added, outcome.updated, outcome.unchanged);
            let bank = &self.bank;
            writeln!(out, "{bank}: {added} added, {updated} updated, {unchanged} unchanged")?;
        }
        if outcome.kept > 0 {
            global.remark(&format!(
                "{} of the bank, not in the source, kept; `clipdex label remove` removes",
                counted(outcome.kept, "label")
            ));
        }
        if outcome.interrupted {
            return Ok(interrupted(global));
        }
        Ok(Outcome::Done)
    }
}
