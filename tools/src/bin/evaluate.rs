//! Measures an encoder on labelled photographs: zero-shot recognition and text to image.
//!
//! The directory holds photographs whose names begin with their WordNet synset, such as n02124075_Egyptian_cat.jpg.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use clipdex::encoder::{Model, TextEncoder};
use clipdex::labels::{
    Builtin, Label, LabelSource, Prediction, PromptTemplate, Recipe, Senses, TemplateSet, With, ZeroShot, embed_labels,
};
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
    /// Templates, as `clipdex label add` takes them
    #[arg(long, default_value = "builtin:simple")]
    templates: String,
    /// What further prompts are made of, as `clipdex label add` takes it
    #[arg(long, default_value_t)]
    with: With,
    /// How labels of one name are told apart, as `clipdex label add` takes it
    #[arg(long, default_value_t)]
    senses: Senses,
    /// The built-in lists to recognise photographs out of; without any, all of them
    #[arg(long)]
    list: Vec<String>,
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
    let recipe = Recipe {
        templates: TemplateSet::open(&args.templates)?,
        with: args.with,
        senses: args.senses,
    };
    let asked = |list: &Builtin| args.list.is_empty() || args.list.iter().any(|name| name == list.name());
    for list in Builtin::ALL.into_iter().filter(asked) {
        recognise(list, &photos, &model, texts.as_ref(), &recipe)?;
    }
    retrieve(&photos, texts.as_ref())
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

fn recognise(list: Builtin, photos: &[Photo], model: &Model, texts: &dyn TextEncoder, recipe: &Recipe) -> Result<()> {
    let labels = LabelSource::Builtin(list).read()?;
    let started = Instant::now();
    let vectors = embed_labels(&labels, recipe, texts)?;
    let seconds = started.elapsed().as_secs_f64();
    let vectors = VectorSet {
        ids: (0..labels.len() as u64).collect(),
        data: vectors.concat(),
        dim: model.identity().dim,
    };
    let zero_shot = ZeroShot::new(vectors, model.identity());
    let shared = shared_names(&labels);

    let (mut all, mut ambiguous) = (Recognised::default(), Recognised::default());
    for photo in photos {
        let found = zero_shot.classify(&photo.vector, TIES_SEEN)?;
        let ids: Vec<_> = found
            .iter()
            .map(|prediction| labels[prediction.label as usize].id.as_str())
            .collect();
        all.add(&found, &ids, &photo.synset);
        if shared.contains(photo.synset.as_str()) {
            ambiguous.add(&found, &ids, &photo.synset);
        }
    }
    println!(
        "{}, {} labels embedded in {seconds:.1} s ({:.0} a second)",
        list.name(),
        labels.len(),
        labels.len() as f64 / seconds
    );
    println!("  all names: {all}");
    println!("  names that several labels share: {ambiguous}");
    Ok(())
}

/// The identifiers of labels whose name is another label's as well.
fn shared_names(labels: &[Label]) -> HashSet<&str> {
    let mut named: HashMap<&str, Vec<&str>> = HashMap::new();
    for label in labels {
        named.entry(&label.name).or_default().push(&label.id);
    }
    named.into_values().filter(|ids| ids.len() > 1).flatten().collect()
}

/// More labels than any name of the built-in lists has meanings.
const TIES_SEEN: usize = 32;

/// How often the right label was found.
#[derive(Default)]
struct Recognised {
    photos: usize,
    /// Came first; of several labels with one prompt the first in the list.
    first: f64,
    /// The same, but n labels with one prompt count 1/n each: they cannot be told apart.
    first_shared: f64,
    /// Came among the first five.
    among_five: f64,
}

impl Recognised {
    fn add(&mut self, found: &[Prediction], ids: &[&str], right: &str) {
        self.photos += 1;
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

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |count: f64| count / self.photos.max(1) as f64;
        write!(
            f,
            "top-1 {:.3} ({:.3} where labels of one vector fall to the first in the list), top-5 {:.3}; {} photographs",
            share(self.first_shared),
            share(self.first),
            share(self.among_five),
            self.photos
        )
    }
}

/// For each photograph its own name as a query: how often it comes first, and among the first ten.
fn retrieve(photos: &[Photo], texts: &dyn TextEncoder) -> Result<()> {
    let template = PromptTemplate::default();
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
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    let embeddings = texts.embed(&queries)?;
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
