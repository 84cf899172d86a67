//! Searches for benches/peers/search with clipdex-index, whose library lies in the working directory.
//!
//! Vectors of the base become items whose ids are their rows; training queries become a space of their own, as the
//! labels of a library are. `--exact` scans instead of walking the graph.

mod protocol;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use clipdex_index::{Index, Mode, SealOptions, SearchParams, Space, SpaceId, Writer};

use protocol::{Built, Engine, Set, Setting};

const LIBRARY: &str = "library";
const SPACE: &str = "measured";
const TRAINING: &str = "training";
/// Vectors a commit.
const BATCH: usize = 1_000;

#[derive(Parser)]
struct Args {
    /// Scan all vectors, without a graph
    #[arg(long)]
    exact: bool,
}

struct Clipdex {
    mode: Mode,
    opened: Option<(Index, SpaceId)>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    protocol::serve(Clipdex {
        mode: if args.exact { Mode::Exact } else { Mode::Graph },
        opened: None,
    })
}

impl Engine for Clipdex {
    fn versions(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([(
            "clipdex",
            concat!(env!("CARGO_PKG_VERSION"), " (Apache-2.0)").to_owned(),
        )])
    }

    /// Sealing is what other engines call building; writing to the database comes before.
    fn build(&mut self, set: &Set, threads: usize) -> Result<Built> {
        let library = Path::new(LIBRARY);
        if library.exists() {
            std::fs::remove_dir_all(library)?;
        }
        let (base, training) = (set.base()?, set.training()?);
        let start = Instant::now();
        let mut writer = Writer::open(library)?;
        let space = fill(&mut writer, SPACE, &base, set.dim)?;
        if !training.is_empty() {
            let queries = fill(&mut writer, TRAINING, &training, set.dim)?;
            writer.set_training(space.id, vec![queries.id]);
        }
        let writing = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let options = SealOptions {
            graph_min_items: 1,
            threads: Some(threads),
        };
        writer.seal(&space, &options)?;
        Ok(Built {
            seconds: start.elapsed().as_secs_f64(),
            apart: BTreeMap::from([("writing to the database", writing)]),
        })
    }

    fn open(&mut self, _: &Set) -> Result<()> {
        self.opened = None;
        let index = Index::open(Path::new(LIBRARY))?;
        let space = index.space(SPACE)?.context("the library has no vectors")?;
        self.opened = Some((index, space.id));
        Ok(())
    }

    fn search(&self, query: &[f32], k: usize, setting: &Setting) -> Result<Vec<u32>> {
        let (index, space) = self.opened.as_ref().context("nothing was opened")?;
        let params = SearchParams {
            k,
            mode: self.mode,
            ef: setting.ef,
            ..SearchParams::default()
        };
        let hits = index.search(*space, query, &params)?;
        Ok(hits.iter().map(|hit| hit.id as u32).collect())
    }
}

/// Makes a space of vectors, whose ids are their rows.
fn fill(writer: &mut Writer, name: &str, vectors: &[f32], dim: usize) -> Result<Space> {
    let space = writer.create_space(name, dim, [0; 32], b"")?;
    let rows: Vec<&[f32]> = vectors.chunks_exact(dim).collect();
    for (number, rows) in rows.chunks(BATCH).enumerate() {
        let mut batch = writer.batch();
        for (row, vector) in (number * BATCH..).zip(rows) {
            batch.upsert(&space, &row.to_be_bytes(), vector, b"")?;
        }
        batch.commit()?;
    }
    Ok(space)
}
