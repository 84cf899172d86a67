//! Embeds the prompts of a label list, and some of its definitions as queries: real vectors for benches/peers/search.
//!
//! `cargo run --release --locked -p clipdex-tools --bin label_vectors -- builtin:imagenet-21k DIR`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use clipdex::encoder::{Embeddings, Model, TextEncoder};
use clipdex::labels::{Label, LabelSource, PromptTemplate};
use serde::Serialize;

/// Texts embedded between two lines of progress.
const BLOCK: usize = 4_096;

#[derive(Parser)]
struct Args {
    /// A built-in list, or a file with the columns name and definition
    labels: LabelSource,
    /// Directory for base.f32, definition-queries.f32, training.f32 and set.json
    directory: PathBuf,
    /// Definitions to search for
    #[arg(long, default_value_t = 1_000)]
    queries: usize,
    /// Other definitions, from which an index may learn
    #[arg(long, default_value_t = 20_000)]
    training: usize,
    /// Model that embeds them
    #[arg(long, default_value = "starter")]
    model: String,
}

/// What set.json says of the files beside it.
#[derive(Serialize)]
struct Set {
    title: String,
    dim: usize,
    /// Kinds of query: of each there is a file KIND-queries.f32.
    queries: [&'static str; 1],
}

fn main() -> Result<()> {
    let args = Args::parse();
    let directory = &args.directory;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let labels = args.labels.read()?;
    let encoder = Model::open(&args.model)?.text_encoder()?;
    let template = PromptTemplate::default();
    let prompts: Vec<String> = labels.iter().map(|label| template.render(&label.name)).collect();
    let (queries, training) = definitions(&labels, args.queries, args.training)?;

    let dim = write(directory, "base.f32", encoder.as_ref(), &prompts)?;
    write(directory, "definition-queries.f32", encoder.as_ref(), &queries)?;
    write(directory, "training.f32", encoder.as_ref(), &training)?;
    let set = Set {
        title: format!(
            "{} labels of {} by {}, {dim} values",
            labels.len(),
            args.labels,
            args.model
        ),
        dim,
        queries: ["definition"],
    };
    fs::write(directory.join("set.json"), serde_json::to_string(&set)? + "\n")?;
    Ok(())
}

/// Definitions of labels all over the list, first `queries` of them, then `training` others.
fn definitions(labels: &[Label], queries: usize, training: usize) -> Result<(Vec<&str>, Vec<&str>)> {
    let defined: Vec<&str> = labels
        .iter()
        .map(|label| label.definition.as_str())
        .filter(|definition| !definition.is_empty())
        .collect();
    ensure!(queries > 0, "no queries");
    ensure!(
        defined.len() >= queries + training,
        "{} labels have a definition, and {} are needed",
        defined.len(),
        queries + training
    );
    let step = defined.len() / queries;
    let wanted = |place: usize| place.is_multiple_of(step) && place / step < queries;
    let (asked, rest): (Vec<_>, Vec<_>) = defined.iter().enumerate().partition(|(place, _)| wanted(*place));
    let asked = asked.into_iter().map(|(_, text)| *text).collect();
    let step = rest.len() / training.max(1);
    let learned = rest.into_iter().step_by(step.max(1)).take(training);
    Ok((asked, learned.map(|(_, text)| *text).collect()))
}

/// Writes the texts' vectors as rows of little-endian f32, and returns how many values they have.
fn write(directory: &Path, name: &str, encoder: &dyn TextEncoder, texts: &[impl AsRef<str>]) -> Result<usize> {
    let path = directory.join(name);
    let mut bytes = Vec::new();
    let mut dim = 0;
    for (number, block) in texts.chunks(BLOCK).enumerate() {
        let block: Vec<&str> = block.iter().map(AsRef::as_ref).collect();
        let vectors: Embeddings = encoder.embed(&block)?;
        dim = vectors.dim();
        bytes.extend(vectors.as_slice().iter().flat_map(|value| value.to_le_bytes()));
        eprintln!("{name}: {} of {}", number * BLOCK + block.len(), texts.len());
    }
    fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    Ok(dim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_training_are_different_definitions() {
        let labels: Vec<Label> = (0..50)
            .map(|number| Label {
                definition: if number == 7 {
                    String::new()
                } else {
                    format!("number {number}")
                },
                ..Label::named("name")
            })
            .collect();
        let (queries, training) = definitions(&labels, 10, 30).unwrap();
        assert_eq!((queries.len(), training.len()), (10, 30));
        assert!(queries.iter().all(|text| !training.contains(text) && !text.is_empty()));
        assert!(definitions(&labels, 10, 40).is_err());
    }
}
