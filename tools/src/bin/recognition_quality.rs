//! Measures what probabilities are worth on labelled photographs: calibration, answers out of the hierarchy, and
//! "none of these".
//!
//! The directory holds photographs whose names begin with their WordNet synset, such as n02124075_Egyptian_cat.jpg.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use clipdex::encoder::{Identity, Model};
use clipdex::labels::{
    Background, Label, LabelSource, Labelled, LabelledFiles, NodeId, Recipe, Taxonomy, ZeroShot, calibrate,
    embed_labels,
};
use clipdex::query::embed_file;
use clipdex_index::VectorSet;
use rayon::prelude::*;

/// Calibration, hierarchical answers and "none of these", on photographs named after their synset
#[derive(Parser)]
struct Args {
    /// Directory of photographs named nNNNNNNNN_anything.jpg
    dir: PathBuf,
    /// Model to measure
    #[arg(long, default_value = "starter")]
    model: String,
    /// Label list
    #[arg(long, default_value = "builtin:imagenet-1k")]
    list: LabelSource,
    /// How certain an answer has to be
    #[arg(long, default_value_t = 0.9)]
    confidence: f64,
    /// Banks of the labels below these synsets; photographs of all others show none of them [default: clothing, food, dogs,
    /// birds, vehicles, musical instruments]
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "n03051540,n07555863,n02084071,n01503061,n04524313,n03800933"
    )]
    banks: Vec<String>,
    /// Prompts of "none of these", one a line [default: the program's]
    #[arg(long)]
    background: Option<PathBuf>,
}

/// Labelled photographs, and all labels.
struct Bench {
    encoder: Identity,
    labels: Vec<Label>,
    vectors: VectorSet,
    taxonomy: Taxonomy,
    /// Unit vectors, with the place of the right label.
    photos: Vec<(Vec<f32>, usize)>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let model = Model::open(&args.model)?;
    let bench = Bench::new(&args.dir, &args.list, &model)?;
    println!("{} photographs, {} labels", bench.photos.len(), bench.labels.len());
    bench.measure_calibration(args.confidence)?;
    let background = background(args.background.as_deref(), &model)?;
    bench.measure_none(&args.banks, &background)
}

fn background(prompts: Option<&Path>, model: &Model) -> Result<Background> {
    let encoder = model.text_encoder()?;
    let Some(path) = prompts else {
        return Ok(Background::embed(encoder.as_ref())?);
    };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    let vectors = encoder.embed(&text.lines().collect::<Vec<_>>())?;
    Ok(Background::of_vectors(vectors.rows().map(<[f32]>::to_vec).collect()))
}

impl Bench {
    fn new(dir: &Path, list: &LabelSource, model: &Model) -> Result<Self> {
        let labels = list.read()?;
        let rows = embed_labels(&labels, &Recipe::default(), model.text_encoder()?.as_ref())?;
        let found = LabelledFiles::find(dir, &labels)?;
        if found.files.len() < 2 {
            bail!(
                "'{}' holds too few photographs named after synsets of the list",
                dir.display()
            );
        }
        let encoder = model.image_encoder()?;
        let embed = |(path, label): &(PathBuf, usize)| Ok((embed_file(encoder.as_ref(), path)?, *label));
        Ok(Self {
            encoder: model.identity().clone(),
            vectors: VectorSet {
                ids: (0..labels.len() as u64).collect(),
                data: rows.concat(),
                dim: model.identity().dim,
            },
            taxonomy: Taxonomy::new(&labels)?,
            photos: found.files.par_iter().map(embed).collect::<Result<_>>()?,
            labels,
        })
    }

    fn zero_shot(&self) -> ZeroShot {
        ZeroShot::new(self.vectors.clone(), &self.encoder)
    }

    /// The temperature fitted on one half of the photographs is what the other half is judged by.
    fn measure_calibration(&self, confidence: f64) -> Result<()> {
        let zero_shot = self.zero_shot();
        let labelled = |(vector, label): &(Vec<f32>, usize)| -> Result<Labelled> {
            Ok(Labelled {
                cosines: zero_shot.cosines(vector)?,
                label: *label,
            })
        };
        let photos: Vec<Labelled> = self.photos.iter().map(labelled).collect::<Result<_>>()?;
        let found = calibrate(&self.encoder, &photos);
        println!("temperature {:.3}", found.temperature);
        for (when, quality) in [("before", found.before), ("after", found.after)] {
            println!(
                "{when:>8}: top-1 {:.3}, negative log-likelihood {:.3}, calibration error {:.3}",
                quality.accuracy, quality.negative_log_likelihood, quality.calibration_error
            );
        }
        let mut answers = Answers::default();
        for parity in 0..2 {
            let half = |other: bool| {
                let photos = photos
                    .iter()
                    .enumerate()
                    .filter(move |(i, _)| (i % 2 == parity) != other);
                photos.map(|(_, photo)| photo.clone()).collect::<Vec<_>>()
            };
            let temperature = calibrate(&self.encoder, &half(true)).temperature;
            let zero_shot = self.zero_shot().with_temperature(temperature);
            for (vector, label) in self.photos.iter().skip(parity).step_by(2) {
                let sums = self.taxonomy.sums(&zero_shot.recognise(vector)?.shares());
                let answer = self.taxonomy.answer(&sums, confidence);
                answers.add(&self.taxonomy, answer.map(|answer| answer.path), *label as NodeId);
            }
        }
        answers.print(confidence, self.photos.len());
        Ok(())
    }

    fn measure_none(&self, banks: &[String], background: &Background) -> Result<()> {
        for bank in banks {
            let places = self.taxonomy.labels_below(self.taxonomy.find(bank)?);
            let inside: HashSet<usize> = places.iter().map(|place| *place as usize).collect();
            let zero_shot = self.zero_shot().among(&places).with_background(background.clone())?;
            let [mut in_bank, mut refused, mut outside, mut accepted] = [0, 0, 0, 0];
            for (vector, label) in &self.photos {
                let none = zero_shot.recognise(vector)?.none_wins();
                if inside.contains(label) {
                    in_bank += 1;
                    refused += usize::from(none);
                } else {
                    outside += 1;
                    accepted += usize::from(!none);
                }
            }
            let name = self
                .taxonomy
                .node(self.taxonomy.find(bank)?)
                .map_or("", |node| &node.label.name);
            let share = |part: usize, all: usize| 100.0 * (all - part) as f64 / all.max(1) as f64;
            println!(
                "{name}: {} labels; a label for {:.0}% of {in_bank} photographs that show one, none of these for {:.0}% of \
                 {outside} others",
                places.len(),
                share(refused, in_bank),
                share(accepted, outside)
            );
        }
        Ok(())
    }
}

/// How good answers out of the hierarchy are.
#[derive(Default)]
struct Answers {
    given: usize,
    right: usize,
    /// Nodes from the root to the answers, in sum.
    depth: usize,
    /// Answers that are the photograph's own label.
    exact: usize,
}

impl Answers {
    fn add(&mut self, taxonomy: &Taxonomy, path: Option<Vec<(NodeId, f64)>>, label: NodeId) {
        let Some(path) = path else { return };
        let Some((node, _)) = path.last() else { return };
        self.given += 1;
        self.right += usize::from(taxonomy.line(label).contains(node));
        self.exact += usize::from(*node == label);
        self.depth += path.len();
    }

    fn print(&self, confidence: f64, photos: usize) {
        let given = self.given.max(1) as f64;
        println!(
            "hierarchy at {confidence}: {} of {photos} answered, {:.3} right, {:.3} the label itself, {:.1} nodes from the root",
            self.given,
            self.right as f64 / given,
            self.exact as f64 / given,
            self.depth as f64 / given
        );
    }
}
