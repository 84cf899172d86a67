//! Searches for benches/peers/search with clipdex-index, whose library lies in the working directory.
//!
//! Vectors of the base become items whose ids are their rows. `--exact` scans instead of walking the graph.

mod protocol;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use clipdex_index::{Index, Mode, SealOptions, SearchParams, SpaceId, Writer};

use protocol::{Built, Engine, Set, Setting};

const LIBRARY: &str = "library";
const SPACE: &str = "measured";
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
        let base = set.base()?;
        let start = Instant::now();
        let mut writer = Writer::open(library)?;
        let space = writer.create_space(SPACE, set.dim, [0; 32], b"")?;
        let rows: Vec<&[f32]> = base.chunks_exact(set.dim).collect();
        for (number, rows) in rows.chunks(BATCH).enumerate() {
            let mut batch = writer.batch();
            for (row, vector) in (number * BATCH..).zip(rows) {
                batch.upsert(&space, &row.to_be_bytes(), vector, b"")?;
            }
            batch.commit()?;
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
            filter: None,
        };
        let hits = index.search(*space, query, &params)?;
        Ok(hits.iter().map(|hit| hit.id as u32).collect())
    }
}
