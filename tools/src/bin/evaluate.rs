//! Measures an encoder on labelled photographs: zero-shot recognition and text to image.
//!
//! The directory holds photographs whose names begin with their WordNet synset, such as n02124075_Egyptian_cat.jpg.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use clipdex::encoder::{Embeddings, Model, TextEncoder};
use clipdex::labels::{Builtin, LabelSource, Prediction, PromptTemplate, ZeroShot};
use clipdex::query::embed_file;
use clipdex_index::VectorSet;
use rayon::prelude::*;

/// Recognition out of the built-in label lists, and text to image, on photographs named after their synset
#[derive(Parser)]
struct Args {
    /// Directory of photographs named nNNNNNNNN_anything.jpg
    dir: PathBuf,
    /// Model to measure
    #[arg(long, default_value = "starter")]
    model: String,
    /// Prompt template
    #[arg(long, default_value_t)]
    template: PromptTemplate,
}

struct Photo {
    synset: String,
    vector: Vec<f32>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let model = Model::open(&args.model)?;
    let photos = embed_photos(&args.dir, &model)?;
    let texts = model.text_encoder()?;
    for list in Builtin::ALL {
        recognise(list, &photos, &model, texts.as_ref(), &args.template)?;
    }
    retrieve(&photos, texts.as_ref(), &args.template)
}

fn embed_photos(dir: &Path, model: &Model) -> Result<Vec<Photo>> {
    let started = Instant::now();
    let encoder = model.image_encoder()?;
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read '{}'", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((synset, _)) = name.split_once('_').filter(|(synset, _)| is_synset(synset)) {
            files.push((synset.to_owned(), path));
        }
    }
    if files.is_empty() {
        bail!(
            "'{}' holds no files named after a synset, such as n02124075_Egyptian_cat.jpg",
            dir.display()
        );
    }
    files.sort();
    let photos = files
        .into_par_iter()
        .map(|(synset, path)| {
            Ok(Photo {
                synset,
                vector: embed_file(encoder.as_ref(), &path)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} photographs embedded, {:.1} a second",
        photos.len(),
        photos.len() as f64 / seconds
    );
    Ok(photos)
}

fn is_synset(text: &str) -> bool {
    text.strip_prefix('n')
        .is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn recognise(
    list: Builtin,
    photos: &[Photo],
    model: &Model,
    texts: &dyn TextEncoder,
    template: &PromptTemplate,
) -> Result<()> {
    let labels = LabelSource::Builtin(list).read()?;
    let prompts: Vec<String> = labels.iter().map(|label| template.render(&label.name)).collect();
    let started = Instant::now();
    let embeddings = embed(texts, &prompts)?;
    let seconds = started.elapsed().as_secs_f64();
    let ids = (0..labels.len() as u64).collect();
    let vectors = VectorSet {
        ids,
        data: embeddings.as_slice().to_vec(),
        dim: embeddings.dim(),
    };
    let zero_shot = ZeroShot::new(vectors, model.identity());

    let mut counts = Recognised::default();
    for photo in photos {
        let found = zero_shot.classify(&photo.vector, TIES_SEEN)?;
        let ids: Vec<_> = found
            .iter()
            .map(|prediction| labels[prediction.label as usize].id.as_str())
            .collect();
        counts.add(&found, &ids, &photo.synset);
    }
    let share = |count: f64| count / photos.len() as f64;
    println!(
        "{}: top-1 {:.3} ({:.3} where homonyms fall to the first in the list), top-5 {:.3}; {} labels, {:.0} a second",
        list.name(),
        share(counts.first_shared),
        share(counts.first),
        share(counts.among_five),
        labels.len(),
        labels.len() as f64 / seconds
    );
    Ok(())
}

/// More labels than any name of the built-in lists has meanings.
const TIES_SEEN: usize = 32;

/// How often the right label was found.
#[derive(Default)]
struct Recognised {
    /// Came first; of several labels with one prompt the first in the list.
    first: f64,
    /// The same, but n labels with one prompt count 1/n each: they cannot be told apart.
    first_shared: f64,
    /// Came among the first five.
    among_five: f64,
}

impl Recognised {
    fn add(&mut self, found: &[Prediction], ids: &[&str], right: &str) {
        let Some(rank) = ids.iter().position(|id| *id == right) else {
            return;
        };
        let best = found[0].cosine;
        let tied = found.iter().filter(|prediction| prediction.cosine == best).count();
        if rank < tied {
            self.first_shared += 1.0 / tied as f64;
        }
        self.first += f64::from(rank == 0);
        self.among_five += f64::from(rank < 5);
    }
}

/// For each photograph its own name as a query: how often it comes first, and among the first ten.
fn retrieve(photos: &[Photo], texts: &dyn TextEncoder, template: &PromptTemplate) -> Result<()> {
    let labels = LabelSource::Builtin(Builtin::ImageNet21k).read()?;
    let names: HashMap<&str, &str> = labels
        .iter()
        .map(|label| (label.id.as_str(), label.name.as_str()))
        .collect();
    let mut queries = Vec::new();
    for photo in photos {
        let name = names
            .get(photo.synset.as_str())
            .with_context(|| format!("no label {}", photo.synset))?;
        queries.push(template.render(name));
    }
    let embeddings = embed(texts, &queries)?;
    let (mut first, mut among_ten) = (0, 0);
    for (own, query) in embeddings.rows().enumerate() {
        let score = |photo: &Photo| -> f32 { photo.vector.iter().zip(query).map(|(a, b)| a * b).sum() };
        let own_score = score(&photos[own]);
        let better = photos.iter().filter(|photo| score(photo) > own_score).count();
        first += usize::from(better == 0);
        among_ten += usize::from(better < 10);
    }
    let share = |count: usize| count as f64 / photos.len() as f64;
    println!(
        "text to image: recall@1 {:.3}, recall@10 {:.3}",
        share(first),
        share(among_ten)
    );
    Ok(())
}

fn embed(texts: &dyn TextEncoder, prompts: &[String]) -> Result<Embeddings> {
    let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
    Ok(texts.embed(&prompts)?)
}
