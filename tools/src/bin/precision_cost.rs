//! Measures what bf16 and int8 cost in retrieval: how many of the ten best by f32 are among the ten best by the other, for
//! labels that look for photographs and for photographs that look for labels, and the smallest cosines.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use clipdex::encoder::{Embeddings, Model, Precision};
use clipdex::labels::{Builtin, LabelSource, PromptTemplate};
use clipdex::media::is_photo_name;
use clipdex::query::embed_file;
use rayon::prelude::*;

/// The k of recall@k.
const BEST: usize = 10;

/// What bf16 and int8 cost against f32, on photographs of yours and the 1,000 labels of ImageNet
#[derive(Parser)]
struct Args {
    /// Directory of photographs
    dir: PathBuf,
    /// Model to measure
    #[arg(long, default_value = "starter")]
    model: String,
}

/// Unit vectors of one precision.
struct Vectors {
    photos: Vec<Vec<f32>>,
    labels: Vec<Vec<f32>>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let model = Model::open(&args.model)?;
    let files = photographs(&args.dir)?;
    let exact = Vectors::of(&model, Precision::F32, &files)?;
    println!("{} photographs, {} labels", exact.photos.len(), exact.labels.len());
    println!("precision  label to photo  photo to label  photo cosine  label cosine");
    for (name, precision) in [("bf16", Precision::Bf16), ("int8", Precision::Int8)] {
        let other = Vectors::of(&model, precision, &files)?;
        println!(
            "{name:<9} {:>15.4} {:>15.4} {:>13.5} {:>13.5}",
            recall([&exact.labels, &exact.photos], [&other.labels, &other.photos]),
            recall([&exact.photos, &exact.labels], [&other.photos, &other.labels]),
            smallest_cosine(&exact.photos, &other.photos),
            smallest_cosine(&exact.labels, &other.labels),
        );
    }
    Ok(())
}

impl Vectors {
    fn of(model: &Model, precision: Precision, files: &[PathBuf]) -> Result<Self> {
        let model = model.clone().with_precision(precision);
        let encoder = model.image_encoder()?;
        let photos = files
            .par_iter()
            .map(|file| Ok(embed_file(encoder.as_ref(), file)?))
            .collect::<Result<_>>()?;
        let template = PromptTemplate::default();
        let labels = LabelSource::Builtin(Builtin::ImageNet1k).read()?;
        let prompts: Vec<String> = labels.iter().map(|label| template.render(&label.name)).collect();
        let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
        let labels = rows(&model.text_encoder()?.embed(&prompts)?);
        Ok(Self { photos, labels })
    }
}

fn rows(embeddings: &Embeddings) -> Vec<Vec<f32>> {
    embeddings.rows().map(<[f32]>::to_vec).collect()
}

fn photographs(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read '{}'", dir.display()))? {
        let path = entry?.path();
        if is_photo_name(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("'{}' holds no photographs", dir.display());
    }
    files.sort();
    Ok(files)
}

/// The share of the best by `exact` that is among the best by `other`; each is queries and what they look for.
fn recall(exact: [&[Vec<f32>]; 2], other: [&[Vec<f32>]; 2]) -> f64 {
    let ([queries, targets], [other_queries, other_targets]) = (exact, other);
    let found: usize = queries
        .par_iter()
        .zip(other_queries)
        .map(|(query, other_query)| {
            let (wanted, found) = (best(query, targets), best(other_query, other_targets));
            wanted.iter().filter(|index| found.contains(index)).count()
        })
        .sum();
    found as f64 / (queries.len() * BEST) as f64
}

fn best(query: &[f32], targets: &[Vec<f32>]) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> = targets.iter().map(|target| dot(query, target)).zip(0..).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().take(BEST).map(|(_, index)| index).collect()
}

fn smallest_cosine(exact: &[Vec<f32>], other: &[Vec<f32>]) -> f32 {
    exact.iter().zip(other).map(|(a, b)| dot(a, b)).fold(1.0, f32::min)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
