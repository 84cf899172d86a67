//! Measures where the graph overtakes the exact scan, and how quick the other reads are: the planner's thresholds
//! come from this. Prints one line a measurement.
//!
//! `cargo run --release -p clipdex-tools --bin index_threshold [COUNT [DIM]]`

use std::error::Error;
use std::time::Instant;

use clipdex_index::{Index, Mode, SealOptions, SearchParams, Writer};

/// Vectors share this many clusters.
const CLUSTERS: usize = 500;
const QUERIES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(50_000), |text| text.parse())?;
    let dim: usize = arguments.next().map_or(Ok(512), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("clipdex-threshold-{}", std::process::id()));
    let outcome = measure(&dir, count, dim);
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn measure(dir: &std::path::Path, count: usize, dim: usize) -> Result<(), Box<dyn Error>> {
    let mut noise = Noise(1);
    let centres: Vec<_> = (0..CLUSTERS).map(|_| noise.unit(dim)).collect();
    let mut vector = |i: usize| {
        let spread = noise.unit(dim);
        let centre = centres.get(i % CLUSTERS).into_iter().flatten();
        normalised(centre.zip(spread).map(|(c, s)| c + s).collect())
    };
    let mut writer = Writer::open(dir)?;
    let space = writer.create_space("measured", dim, [0; 32], b"")?;
    let start = Instant::now();
    for batch_start in (0..count).step_by(1000) {
        let mut batch = writer.batch();
        for i in batch_start..(batch_start + 1000).min(count) {
            batch.upsert(&space, &i.to_be_bytes(), &vector(i), b"payload")?;
        }
        batch.commit()?;
    }
    report("write", start, 1);
    let queries: Vec<_> = (0..QUERIES).map(&mut vector).collect();
    let start = Instant::now();
    drop(writer);
    report("close", start, 1);

    let index = timed("open for reading", || Index::open(dir))?;
    for _ in 0..3 {
        let fresh = Index::open(dir)?;
        timed("vectors, unsealed", || fresh.vectors(space.id))?;
        timed("vectors, unsealed, again", || fresh.vectors(space.id))?;
    }
    let exact = SearchParams {
        k: 10,
        mode: Mode::Exact,
        ..SearchParams::default()
    };
    timed("first exact search, unsealed", || {
        let fresh = Index::open(dir)?;
        fresh.search(space.id, &queries[0], &exact)
    })?;
    drop(index);

    let mut writer = timed("open for writing", || Writer::open(dir))?;
    let summary = timed("seal with a graph", || {
        writer.seal(
            &space,
            &SealOptions {
                graph_min_items: 1,
                threads: None,
            },
        )
    })?;
    println!("unreached {}, {} bytes", summary.unreached, summary.bytes);
    drop(writer);
    let index = timed("open for reading", || Index::open(dir))?;
    timed("first search, sealed", || index.search(space.id, &queries[0], &exact))?;
    for _ in 0..3 {
        timed("vectors, sealed", || index.vectors(space.id))?;
    }

    let start = Instant::now();
    let truth = queries
        .iter()
        .map(|query| index.search(space.id, query, &exact))
        .collect::<Result<Vec<_>, _>>()?;
    report("exact scan", start, QUERIES);
    for ef in [32, 64, 128, 256, 512] {
        let params = SearchParams {
            k: 10,
            mode: Mode::Graph,
            ef: Some(ef),
            ..SearchParams::default()
        };
        let start = Instant::now();
        let hits = queries
            .iter()
            .map(|query| index.search(space.id, query, &params))
            .collect::<Result<Vec<_>, _>>()?;
        let pairs = hits.iter().zip(&truth);
        let found: usize = pairs
            .map(|(hits, truth)| hits.iter().filter(|hit| truth.contains(hit)).count())
            .sum();
        report(
            &format!("graph, ef {ef}, recall {:.3}", found as f64 / (10 * QUERIES) as f64),
            start,
            QUERIES,
        );
    }
    Ok(())
}

fn timed<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let outcome = work();
    report(what, start, 1);
    outcome
}

fn report(what: &str, start: Instant, times: usize) {
    println!("{what}: {:.3} ms", start.elapsed().as_secs_f64() * 1e3 / times as f64);
}

/// SplitMix64.
struct Noise(u64);

impl Noise {
    fn unit(&mut self, dim: usize) -> Vec<f32> {
        let mut value = || {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        normalised((0..dim).map(|_| value()).collect())
    }
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}
