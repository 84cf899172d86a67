//! Searches for benches/peers/search with hnsw_rs, whose dump lies in the working directory.

#[path = "../../../../../tools/src/bin/search_peer/protocol.rs"]
mod protocol;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use hnsw_rs::prelude::{AnnT, DistL2, Hnsw, HnswIo};

use protocol::{Built, Engine, Set, Setting};

const M: usize = 16;
const LEVELS: usize = 16;
const EF_CONSTRUCTION: usize = 200;
const NAME: &str = "hnsw";

/// Of unit vectors the nearest by distance are the nearest by cosine.
type Graph = Hnsw<'static, f32, DistL2>;

#[derive(Default)]
struct HnswRs {
    opened: Option<Graph>,
}

fn main() -> Result<()> {
    protocol::serve(HnswRs::default())
}

impl Engine for HnswRs {
    fn versions(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("hnsw_rs", "0.3.5 (MIT OR Apache-2.0)".to_owned())])
    }

    fn build(&mut self, set: &Set, threads: usize) -> Result<Built> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let base = set.base()?;
        let rows: Vec<(&[f32], usize)> = base
            .chunks_exact(set.dim)
            .enumerate()
            .map(|(row, v)| (v, row))
            .collect();
        let start = Instant::now();
        let graph = Hnsw::<'_, f32, DistL2>::new(M, rows.len(), LEVELS, EF_CONSTRUCTION, DistL2);
        pool.install(|| graph.parallel_insert_slice(&rows));
        let seconds = start.elapsed().as_secs_f64();
        for kind in ["graph", "data"] {
            let _ = std::fs::remove_file(format!("{NAME}.hnsw.{kind}"));
        }
        graph.file_dump(Path::new("."), NAME)?;
        Ok(Built {
            seconds,
            apart: BTreeMap::new(),
        })
    }

    fn open(&mut self, _: &Set) -> Result<()> {
        // The graph borrows from what reads it; both live until the program ends.
        let reader = Box::leak(Box::new(HnswIo::new(Path::new("."), NAME)));
        let mut graph: Graph = reader.load_hnsw()?;
        graph.set_searching_mode(true);
        self.opened = Some(graph);
        Ok(())
    }

    fn search(&self, query: &[f32], k: usize, setting: &Setting) -> Result<Vec<u32>> {
        let graph = self.opened.as_ref().context("nothing was opened")?;
        let found = graph.search(query, k, setting.ef.unwrap_or(k).max(k));
        Ok(found.iter().map(|neighbour| neighbour.d_id as u32).collect())
    }
}
