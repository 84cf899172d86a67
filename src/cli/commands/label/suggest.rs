use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::cli::commands::count;
use crate::cli::output::{
    LabelFormat, PathField, SCHEMA, counted, plain, plain_path, shown_path, write_json, write_labels,
};
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, Builtin, Label, LabelSource};
use crate::library::Library;
use crate::tags::{self, Suggestions};

/// Propose the labels that the library's photographs need, out of a large bank
///
/// A few labels that are as specific as the photographs allow and that fit as many of them as possible. The file of -o can
/// be edited, and `clipdex label add BANK FILE` makes it a bank.
#[derive(Args)]
pub(super) struct SuggestArgs {
    /// The bank to choose from [default: one of builtin:wordnet-nouns, else of another built-in list]
    #[arg(long, value_name = "BANK")]
    from: Option<String>,

    /// Number of labels, at most
    #[arg(short, value_name = "N", default_value = "50", value_parser = count, allow_negative_numbers = true)]
    n: NonZeroUsize,

    /// Write the labels as a label file as well
    #[arg(short, long, value_name = "FILE.tsv")]
    output: Option<PathBuf>,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    from: &'a str,
    photos: usize,
    covered: usize,
    suggestions: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    definition: &'a str,
    photos: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<PathField>,
}

impl SuggestArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let bank = self.bank(&library)?;
        let model = global.model_of(&library)?;
        let found = tags::suggest(&library, &bank, model.identity(), self.n.get())?;
        if let Some(path) = &self.output {
            write_file(path, &found)?;
        }
        let examples = examples(&library, &found)?;
        let rows = found.labels.iter().zip(&examples);
        if self.json {
            let suggestions = rows.map(|(suggestion, example)| Row {
                id: &suggestion.label.id,
                name: &suggestion.label.name,
                definition: &suggestion.label.definition,
                photos: suggestion.photos,
                example: example.as_deref().map(PathField::new),
            });
            let document = Document {
                schema: SCHEMA,
                from: bank.name(),
                photos: found.photos,
                covered: found.covered,
                suggestions: suggestions.collect(),
            };
            write_json(out, &document)?;
        } else {
            for (suggestion, example) in rows {
                let Label { id, name, .. } = &suggestion.label;
                let example = example.as_deref().map(shown_path).unwrap_or_default();
                let (photos, name, id) = (suggestion.photos, plain(name), plain(id));
                writeln!(out, "{photos:>6}  {name:<28}  {id:<9}  {example}")?;
            }
            let (covered, photos) = (found.covered, found.photos);
            global.remark(&format!("they fit {covered} of {}", counted(photos, "photograph")));
        }
        Ok(Outcome::found(!found.labels.is_empty()))
    }

    fn bank(&self, library: &Library) -> Result<Bank> {
        if let Some(name) = &self.from {
            return Ok(Bank::open(library, name)?);
        }
        let banks = Bank::all(library)?;
        let lists = [Builtin::WordNetNouns, Builtin::ImageNet21k, Builtin::ImageNet1k];
        let of = |list| {
            banks
                .iter()
                .find(|bank| bank.source() == LabelSource::Builtin(list).to_string())
        };
        match lists.into_iter().find_map(of) {
            Some(bank) => Ok(bank.clone()),
            None => bail!(
                "there is no bank of a built-in list to choose from; add one with `clipdex label add nouns \
                 builtin:wordnet-nouns`, or name a bank with --from"
            ),
        }
    }
}

fn write_file(path: &Path, found: &Suggestions) -> Result<()> {
    let failed = || format!("cannot write '{}'", plain_path(path));
    let labels: Vec<Label> = found.labels.iter().map(|suggestion| suggestion.label.clone()).collect();
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    write_labels(&labels, LabelFormat::Tsv, &mut file)?;
    file.flush().with_context(failed)
}

/// A file of each suggestion's example.
fn examples(library: &Library, found: &Suggestions) -> Result<Vec<Option<PathBuf>>> {
    let (roots, images) = (library.roots()?, library.images()?);
    let mut examples = Vec::new();
    for suggestion in &found.labels {
        let files = library.files_of(&roots, &images, suggestion.example)?;
        examples.push(files.into_iter().next());
    }
    Ok(examples)
}
