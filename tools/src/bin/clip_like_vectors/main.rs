//! Writes vectors that are distributed as CLIP's are: images in clusters of low intrinsic dimension on one cone, texts
//! on another. benches/peers/search/README.md says what is modelled, and how near to CLIP it comes.
//!
//! `cargo run --release --locked -p clipdex-tools --bin clip_like_vectors -- DIR [--base 100000] [--seed 1]`

mod noise;
mod world;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use rayon::prelude::*;
use serde::Serialize;

use world::{Kind, World};

/// Vectors made between two writes.
const BLOCK: u64 = 4_096;

#[derive(Parser)]
struct Args {
    /// Directory for base.f32, image-queries.f32, text-queries.f32, training.f32 and set.json
    directory: PathBuf,
    /// Image vectors to search
    #[arg(long, default_value_t = 100_000)]
    base: u64,
    /// Queries of each kind
    #[arg(long, default_value_t = 1_000)]
    queries: u64,
    /// Text vectors from which an index may learn
    #[arg(long, default_value_t = 100_000)]
    training: u64,
    /// Values a vector
    #[arg(long, default_value_t = 512)]
    dim: usize,
    /// Another seed gives another world
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What set.json says of the files beside it.
#[derive(Serialize)]
struct Set {
    title: String,
    dim: usize,
    /// Kinds of query: of each there is a file KIND-queries.f32.
    queries: [&'static str; 2],
}

fn main() -> Result<()> {
    let args = Args::parse();
    let directory = &args.directory;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let world = World::new(args.seed, args.dim);
    write(directory, "base.f32", &world, Kind::Base, args.base)?;
    write(directory, "image-queries.f32", &world, Kind::ImageQuery, args.queries)?;
    write(directory, "text-queries.f32", &world, Kind::TextQuery, args.queries)?;
    write(directory, "training.f32", &world, Kind::Training, args.training)?;
    let set = Set {
        title: format!(
            "{} CLIP-like vectors of {} values, seed {}",
            args.base, args.dim, args.seed
        ),
        dim: args.dim,
        queries: ["image", "text"],
    };
    fs::write(directory.join("set.json"), serde_json::to_string(&set)? + "\n")?;
    Ok(())
}

/// Writes rows of little-endian f32.
fn write(directory: &Path, name: &str, world: &World, kind: Kind, count: u64) -> Result<()> {
    let path = directory.join(name);
    let mut file = BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?);
    for start in (0..count).step_by(BLOCK as usize) {
        let rows: Vec<Vec<f32>> = (start..count.min(start + BLOCK))
            .into_par_iter()
            .map(|number| world.vector(kind, number))
            .collect();
        for value in rows.iter().flatten() {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.flush().with_context(|| path.display().to_string())
}
