//! Building a graph, stage by stage.
//!
//! | stage | where | what it does |
//! | --- | --- | --- |
//! | sample | `scaffold` | `hnsw_rs` builds the levels above 0 over one row in some |
//! | insertion | `insert` | the other rows are linked at level 0 |
//! | pruning | `prune` | lists are cut to what the relative neighbourhood rule keeps |
//! | repair | `repair` | every row is led to |
//! | bridges | `bridge` | training queries of another kind link what is near to them |

use rayon::prelude::*;

use super::bridge::{Bridging, bridge};
use super::insert::{Linking, link, settle};
use super::lists::Lists;
use super::nearest::Rows;
use super::steps::Steps;
use super::{Graph, MAX_ROWS, repair, scaffold};
use crate::error::{IndexError, Result};
use crate::kernel::{dot_f16_f16, dot_f32_f32};
use crate::matrix::Matrix;
use crate::quantize::Codes;
use crate::sketch::Sketches;

/// Rows to one of the sample. A walk through the levels above leads to the sample's row that is nearest, and from there
/// the walk of level 0 is short; with one row in 16, texts score 3% fewer rows, and images no fewer.
const SAMPLE_SHARE: usize = 32;
/// The sample has at least so many rows, if there are.
const SAMPLE_MIN: usize = 64;
/// Places of a list: four lines of the cache. Few rows use them all: those that bridges lead to from everywhere.
const PLACES: usize = 64;
/// Neighbours of a row without bridges.
const STRIDE: usize = 32;
/// The rows of a batch do not see each other, so that a batch must be a small part of all.
const BATCHES: usize = 50;

/// Tried with 40,000 vectors of `clip_like_vectors`: keeping 32 makes no walk shorter, and a slack factor in the rule of
/// 1.15 neither.
const LINKING: Linking = Linking {
    ef: 100,
    chosen: 16,
    most: 48,
    kept: 24,
};
/// Tried with as many training queries as those: with 64 candidates, texts score a sixth more rows at a recall@10 of 0.99;
/// joining 48 saves none.
const BRIDGING: Bridging = Bridging { ef: 100, joined: 32 };

/// What a graph is built with.
pub(crate) struct BuildOptions<'a> {
    /// Unit vectors of queries of another kind than the rows, such as texts for images: `dim` values each.
    pub(crate) training: Option<&'a [f32]>,
    /// Told how many of how many steps are done, from any thread.
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Asked, from any thread, whether to give up.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// A graph and what belongs to it.
pub(crate) struct Built {
    pub(crate) graph: Graph,
    /// What walks are led by, for queries like the rows and like the training queries.
    pub(crate) sketches: Option<Sketches>,
    /// Rows that no walk reaches, in spite of the edges added for them.
    pub(crate) unreached: u64,
}

/// Builds the graph over all rows of a matrix, in the present thread pool.
///
/// # Errors
/// [`IndexError::Corrupt`] when a stored vector is not of unit length, [`IndexError::Cancelled`],
/// [`IndexError::Graph`] when there are too many rows or `hnsw_rs` fails.
pub(crate) fn build(matrix: &Matrix, options: &BuildOptions<'_>) -> Result<Built> {
    let rows = matrix.ids.len();
    // Following a query costs as much as inserting a row, so that more queries than rows are not worth it.
    let queries = queries(options.training.unwrap_or_default(), matrix.dim, rows);
    let steps = Steps::new((rows + queries.len()) as u64, options.progress, options.cancelled);

    steps.check()?;
    check(matrix)?;
    let codes = Codes::new(matrix)?;
    let sketches = Sketches::new(matrix, options.training.unwrap_or_default())?;
    let vectors = Rows {
        matrix,
        codes: &codes,
        sketches: sketches.as_ref(),
    };
    let order = shuffled(rows as u32);
    let (sample, rest) = order.split_at((rows / SAMPLE_SHARE).max(SAMPLE_MIN).min(rows));
    let mut graph = scaffold::build(&codes, sample, &steps)?;
    let mut lists = lists_of_sample(&graph, rows);
    let mut linked = sample.len();
    while let Some(batch) = rest.get(linked - sample.len()..).filter(|rest| !rest.is_empty()) {
        let length = batch.len().min(linked).min(rows.div_ceil(BATCHES));
        let batch = batch.get(..length).unwrap_or(batch);
        link(&mut lists, &vectors, &graph.view(), batch, &LINKING, &steps)?;
        linked += batch.len();
    }
    settle(&mut lists, &codes, LINKING.kept, &steps)?;
    repair::add_incoming(&mut lists, STRIDE);
    let unreached = repair::link_unreached(&mut lists, &vectors, &graph.view(), STRIDE);
    steps.check()?;
    bridge(&mut lists, &vectors, &graph.view(), &queries, &BRIDGING, &steps)?;
    (graph.stride, graph.level0) = lists.into_level();
    Ok(Built {
        graph,
        sketches,
        unreached,
    })
}

/// Whether a vector with this square has unit length, within what is accepted for storing and what f16 rounding does.
fn is_unit(square: f32) -> bool {
    (0.97..=1.03).contains(&square)
}

/// Vectors are checked when they are stored. What is no unit vector now was damaged since, and would take the edges
/// of others along.
fn check(matrix: &Matrix) -> Result<()> {
    if matrix.ids.len() > MAX_ROWS {
        return Err(IndexError::Graph {
            reason: format!("{} vectors are more than a graph holds", matrix.ids.len()),
        });
    }
    let vectors = matrix.vectors.par_chunks_exact(matrix.dim.max(1));
    let damaged = vectors.zip(&matrix.ids).find_map_any(|(vector, id)| {
        let square = dot_f16_f16(vector, vector);
        (!is_unit(square)).then(|| format!("that of item {id} has the length {}", square.sqrt()))
    });
    damaged.map_or(Ok(()), |detail| Err(IndexError::corrupt("vector", detail)))
}

/// The neighbours that the rows of the sample have among themselves.
fn lists_of_sample(graph: &Graph, rows: usize) -> Lists {
    let mut lists = Lists::new(rows, PLACES);
    if let Some(level) = graph.upper.first() {
        let neighbours = level.neighbours.chunks_exact(graph.upper_stride);
        for (row, neighbours) in level.nodes.iter().zip(neighbours) {
            lists.set(*row, neighbours);
        }
    }
    lists
}

/// The training queries that are unit vectors, or `most` of them, mixed: those that lie side by side in a label bank are
/// often alike, and would not see what the others of their batch do.
fn queries(training: &[f32], dim: usize, most: usize) -> Vec<&[f32]> {
    let rows: Vec<&[f32]> = training.chunks_exact(dim.max(1)).collect();
    let mixed = shuffled(rows.len() as u32).into_iter();
    mixed
        .filter_map(|row| rows.get(row as usize).copied())
        .filter(|query| is_unit(dot_f32_f32(query, query)))
        .take(most)
        .collect()
}

/// Rows in an order that has nothing to do with their content, and is always the same. Photographs are stored directory
/// by directory; the sample and each batch are to be of all.
fn shuffled(rows: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_by_cached_key(|row| mixed(u64::from(*row)));
    order
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mixed(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
