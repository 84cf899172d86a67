//! Measures how long sealing with a graph takes, and what searches of it find, for images and for texts, before and
//! after training queries are known. Prints one line a measurement.
//!
//! `cargo run --release --locked -p clipdex-tools --bin graph_build -- DIR`, with DIR as `clip_like_vectors` writes it

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use clipdex_index::{Hit, Index, ItemId, Mode, SealOptions, SearchParams, Space, SpaceId, Writer};
use rayon::prelude::*;

/// Vectors committed together.
const BATCH: usize = 10_000;
/// Results asked for.
const K: usize = 10;
/// Candidates that walks keep.
const LADDER: [usize; 14] = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048];

#[derive(Parser)]
struct Args {
    /// Directory with base.f32, image-queries.f32, text-queries.f32 and training.f32
    directory: PathBuf,
    /// Values a vector
    #[arg(long, default_value_t = 512)]
    dim: usize,
    /// Threads that build; all without it
    #[arg(long)]
    threads: Option<usize>,
    /// Seal without training queries alone
    #[arg(long)]
    untrained: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let library = std::env::temp_dir().join(format!("clipdex-graph-build-{}", std::process::id()));
    let outcome = measure(&args, &library);
    fs::remove_dir_all(&library)?;
    outcome
}

fn measure(args: &Args, library: &Path) -> Result<(), Box<dyn Error>> {
    let read = |name: &str| read(&args.directory.join(name), args.dim);
    let queries = [
        ("image", read("image-queries.f32")?),
        ("text", read("text-queries.f32")?),
    ];
    let mut writer = Writer::open(library)?;
    let images = writer.create_space("images", args.dim, [0; 32], b"")?;
    let texts = writer.create_space("texts", args.dim, [0; 32], b"")?;
    put(&mut writer, &images, &read("base.f32")?)?;
    let exact = SearchParams {
        k: K,
        mode: Mode::Exact,
        ..SearchParams::default()
    };
    let truth = queries
        .iter()
        .map(|(_, queries)| {
            let find = |query: &Vec<f32>| writer.index().search(images.id, query, &exact);
            queries.par_iter().map(find).collect::<Result<Vec<_>, _>>()
        })
        .collect::<Result<Vec<_>, _>>()?;
    seal(&mut writer, &images, args, "without training")?;
    search(writer.index(), images.id, &queries, &truth)?;
    if !args.untrained {
        put(&mut writer, &texts, &read("training.f32")?)?;
        writer.set_training(images.id, vec![texts.id]);
        seal(&mut writer, &images, args, "with training")?;
        search(writer.index(), images.id, &queries, &truth)?;
    }
    Ok(())
}

fn seal(writer: &mut Writer, space: &Space, args: &Args, how: &str) -> Result<(), Box<dyn Error>> {
    let options = SealOptions {
        graph_min_items: 1,
        threads: args.threads,
    };
    let start = Instant::now();
    let summary = writer.seal(space, &options)?;
    println!(
        "sealed {how}: {:.1} s, {} vectors, {} unreached, {} bytes",
        start.elapsed().as_secs_f64(),
        summary.items,
        summary.unreached,
        summary.bytes
    );
    Ok(())
}

/// Recall and queries a second of walks, on one thread.
fn search(
    index: &Index,
    space: SpaceId,
    queries: &[(&str, Vec<Vec<f32>>)],
    truth: &[Vec<Vec<Hit>>],
) -> Result<(), Box<dyn Error>> {
    for ((kind, queries), truth) in queries.iter().zip(truth) {
        for ef in LADDER {
            let params = SearchParams {
                k: K,
                mode: Mode::Graph,
                ef: Some(ef),
                ..SearchParams::default()
            };
            let start = Instant::now();
            let found = queries
                .iter()
                .map(|query| index.search(space, query, &params))
                .collect::<Result<Vec<_>, _>>()?;
            let rate = queries.len() as f64 / start.elapsed().as_secs_f64();
            let pairs = found.iter().zip(truth);
            let common: usize = pairs.map(|(found, truth)| common(found, truth)).sum();
            let recall = common as f64 / (K * queries.len()) as f64;
            println!("{kind} queries, ef {ef}: recall {recall:.4}, {rate:.0} a second");
        }
    }
    Ok(())
}

fn common(found: &[Hit], truth: &[Hit]) -> usize {
    let truth: Vec<ItemId> = truth.iter().map(|hit| hit.id).collect();
    found.iter().filter(|hit| truth.contains(&hit.id)).count()
}

fn put(writer: &mut Writer, space: &Space, vectors: &[Vec<f32>]) -> Result<(), Box<dyn Error>> {
    for (number, vectors) in vectors.chunks(BATCH).enumerate() {
        let mut batch = writer.batch();
        for (place, vector) in vectors.iter().enumerate() {
            batch.upsert(space, &(number * BATCH + place).to_be_bytes(), vector, b"")?;
        }
        batch.commit()?;
    }
    Ok(())
}

/// Rows of little-endian f32.
fn read(path: &Path, dim: usize) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let values: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    Ok(values.chunks_exact(dim).map(<[f32]>::to_vec).collect())
}
