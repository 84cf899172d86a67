//! Measures from how many vectors on walking a graph is quicker than scanning, with one thread: the planner's constants
//! (`index/src/search/plan.rs`) come from this. Prints one line a size and kind of query.
//!
//! `cargo run --release --locked -p clipdex-tools --bin index_threshold -- DIR`, with DIR as `clip_like_vectors` writes it

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use clipdex_index::{Index, IndexError, Mode, SealOptions, SearchParams, Space, Writer};

/// Results asked for.
const K: usize = 10;
/// Times that each query is answered.
const ROUNDS: usize = 7;

#[derive(Parser)]
struct Args {
    /// Directory with base.f32, image-queries.f32, text-queries.f32 and training.f32
    directory: PathBuf,
    /// Values a vector
    #[arg(long, default_value_t = 512)]
    dim: usize,
    /// Sizes to measure at, of the first vectors
    #[arg(long, value_delimiter = ',', default_value = "1000,2000,4000,8000,16000,32000,64000")]
    sizes: Vec<usize>,
    /// Queries of each kind
    #[arg(long, default_value_t = 200)]
    queries: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    for size in &args.sizes {
        let library = std::env::temp_dir().join(format!("clipdex-threshold-{}", std::process::id()));
        let outcome = measure(&args, *size, &library);
        fs::remove_dir_all(&library)?;
        outcome?;
    }
    Ok(())
}

fn measure(args: &Args, size: usize, library: &Path) -> Result<(), Box<dyn Error>> {
    let read = |name: &str, count| read(&args.directory.join(name), args.dim, count);
    let mut writer = Writer::open(library)?;
    let images = writer.create_space("images", args.dim, [0; 32], b"")?;
    let texts = writer.create_space("texts", args.dim, [0; 32], b"")?;
    put(&mut writer, &images, &read("base.f32", size)?)?;
    put(&mut writer, &texts, &read("training.f32", size)?)?;
    writer.set_training(images.id, vec![texts.id]);
    let options = SealOptions {
        graph_min_items: 1,
        threads: None,
    };
    writer.seal(&images, &options)?;
    drop(writer);
    let index = Index::open(library)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for kind in ["image", "text"] {
        let queries = read(&format!("{kind}-queries.f32"), args.queries)?;
        pool.install(|| compare(&index, &images, &queries, &format!("{size} vectors, {kind} queries")))?;
    }
    Ok(())
}

/// The time of a walk that the planner holds for thorough enough beside that of a scan.
fn compare(index: &Index, space: &Space, queries: &[Vec<f32>], what: &str) -> Result<(), IndexError> {
    let params = |mode| SearchParams {
        k: K,
        mode,
        ..SearchParams::default()
    };
    let ef = index.plan(space.id, &params(Mode::Graph))?.ef.unwrap_or_default();
    let scan = micros(index, space, queries, &params(Mode::Exact))?;
    let walk = micros(index, space, queries, &params(Mode::Graph))?;
    let a_row = scan / index.count(space.id)? as f64;
    println!(
        "{what}: scan {scan:.0} µs, walk with {ef} candidates {walk:.0} µs; a candidate costs {:.0} scanned vectors",
        walk / ef as f64 / a_row
    );
    Ok(())
}

/// Microseconds a query. Of each query the quickest of some rounds counts: what else the machine does shows in others.
fn micros(index: &Index, space: &Space, queries: &[Vec<f32>], params: &SearchParams<'_>) -> Result<f64, IndexError> {
    let mut quickest = vec![f64::INFINITY; queries.len()];
    for _ in 0..ROUNDS {
        for (query, quickest) in queries.iter().zip(&mut quickest) {
            let start = Instant::now();
            index.search(space.id, query, params)?;
            *quickest = quickest.min(start.elapsed().as_secs_f64());
        }
    }
    Ok(quickest.iter().sum::<f64>() * 1e6 / queries.len() as f64)
}

fn put(writer: &mut Writer, space: &Space, vectors: &[Vec<f32>]) -> Result<(), IndexError> {
    let mut batch = writer.batch();
    for (place, vector) in vectors.iter().enumerate() {
        batch.upsert(space, &place.to_be_bytes(), vector, b"")?;
    }
    batch.commit()?;
    Ok(())
}

/// The first rows of a file of little-endian f32.
fn read(path: &Path, dim: usize, count: usize) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let values = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let values: Vec<f32> = values.take(count * dim).collect();
    Ok(values.chunks_exact(dim).map(<[f32]>::to_vec).collect())
}
