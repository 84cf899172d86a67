//! Recognition beside what its matrix product alone takes: a library of made-up photographs and real label banks, timed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use clipdex::labels::{Bank, BankWriter, LabelSource, RecipeChange, WorkProgress};
use clipdex::library::{Library, LibraryWriter};
use clipdex::tags::{TagOptions, tag};
use clipdex_index::SealOptions;
use rayon::ThreadPoolBuilder;
use serde_json::json;

/// Times of tagging a library and of recognising one photograph, as one line of JSON
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a library with a bank and photographs, and their vectors as photos.f32 and labels.f32
    Prepare {
        /// Directory to make
        dir: PathBuf,
        /// A built-in list, the bank's labels and name
        #[arg(long, default_value = "imagenet-21k")]
        list: String,
        /// Number of photographs
        #[arg(long, default_value_t = 100_000)]
        photos: usize,
    },
    /// Tag all photographs anew
    Tag {
        /// What `prepare` made
        dir: PathBuf,
        /// Name of the bank
        #[arg(long, default_value = "imagenet-21k")]
        list: String,
    },
    /// Recognise photographs one by one, on one core
    Classify {
        /// What `prepare` made
        dir: PathBuf,
        /// Name of the bank
        #[arg(long, default_value = "imagenet-21k")]
        list: String,
        /// Number of photographs
        #[arg(long, default_value_t = 200)]
        photos: usize,
    },
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Prepare { dir, list, photos } => prepare(&dir, &list, photos),
        Command::Tag { dir, list } => time_tagging(&dir, &list),
        Command::Classify { dir, list, photos } => time_recognition(&dir, &list, photos),
    }
}

struct Silent;

impl WorkProgress for Silent {
    fn planned(&self, _: usize) {}
    fn committed(&self, _: usize) {}
    fn cancelled(&self) -> bool {
        false
    }
}

fn library(dir: &Path) -> PathBuf {
    dir.join("library")
}

fn prepare(dir: &Path, list: &str, photos: usize) -> Result<()> {
    let mut writer = LibraryWriter::open(&library(dir), Some("starter"), "starter")?;
    let source: LabelSource = format!("builtin:{list}").parse()?;
    let started = Instant::now();
    BankWriter::new(&mut writer).add(list, &source, &RecipeChange::default(), &Silent)?;
    let seconds = started.elapsed().as_secs_f64();
    let index = writer.library().index().clone();
    let labels = index.vectors(Bank::open(writer.library(), list)?.space().id)?;
    let images = writer.images().clone();
    for first in (index.count(images.id)? as usize..photos).step_by(10_000) {
        let mut batch = writer.index_mut().batch();
        for photo in first..photos.min(first + 10_000) {
            batch.upsert(
                &images,
                &photo.to_be_bytes(),
                &made_up(&labels.data, labels.dim, photo),
                b"",
            )?;
        }
        batch.commit()?;
    }
    // Tagging looks at every photograph, so a graph over them would only take time to make.
    let without_graph = SealOptions {
        graph_min_items: usize::MAX,
        threads: None,
    };
    writer.index_mut().seal_if_due(&images, &without_graph)?;
    write_values(&dir.join("labels.f32"), &labels.data)?;
    write_values(&dir.join("photos.f32"), &index.vectors(images.id)?.data)?;
    println!(
        "{}",
        json!({"labels": labels.ids.len(), "dim": labels.dim, "photos": photos, "embedding_seconds": seconds})
    );
    Ok(())
}

/// A unit vector near to one of the labels, different for each number.
fn made_up(labels: &[f32], dim: usize, number: usize) -> Vec<f32> {
    let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let label = labels
        .chunks_exact(dim)
        .nth(number % (labels.len() / dim))
        .unwrap_or_default();
    let mut vector: Vec<f32> = label.iter().map(|value| value + 0.1 * noise()).collect();
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

fn write_values(path: &Path, values: &[f32]) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("cannot write '{}'", path.display()))?);
    for value in values {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

fn time_tagging(dir: &Path, list: &str) -> Result<()> {
    let mut writer = LibraryWriter::open(&library(dir), None, "starter")?;
    let bank = Bank::open(writer.library(), list)?;
    // A temperature that was not used before: everything is compared anew.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let options = TagOptions {
        min_prob: 0.1,
        top: 5,
        temperature: 0.5 + now.subsec_micros() as f32 * 1e-7,
    };
    let started = Instant::now();
    let outcome = tag(&mut writer, &bank, &options, &Silent)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", json!({"seconds": seconds, "compared": outcome.compared}));
    Ok(())
}

fn time_recognition(dir: &Path, list: &str, photos: usize) -> Result<()> {
    let library = Library::open(&library(dir))?;
    let bank = Bank::open(&library, list)?;
    let model = library.model(None)?;
    let images = library.index().rows(library.images()?.id)?;
    let started = Instant::now();
    let zero_shot = bank.zero_shot(&library, model.identity())?;
    let opening = started.elapsed();
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut times = Vec::new();
    for photo in 0..photos.min(images.len()) {
        let vector: Vec<f32> = images.row(photo).iter().map(|value| value.to_f32()).collect();
        let started = Instant::now();
        let found = pool.install(|| -> Result<_> { Ok(zero_shot.recognise(&vector)?.best(5)) })?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(found.len() == 5, "fewer labels than five");
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({
            "labels": zero_shot.ids().len(),
            "opening_ms": opening.as_secs_f64() * 1e3,
            "median_ms": times.get(times.len() / 2),
            "greatest_ms": times.last(),
        })
    );
    Ok(())
}
