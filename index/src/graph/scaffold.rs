//! The levels above level 0, built by `hnsw_rs` over a sample of the rows.
//!
//! Its elements are row numbers and its distance looks the rows up, so that it holds no copy of the vectors.

use hnsw_rs::prelude::{Distance, Hnsw, Neighbour};
use rayon::prelude::*;

use super::prune::prune;
use super::steps::Steps;
use super::{Graph, Level};
use crate::error::{IndexError, Result};
use crate::quantize::Codes;
use crate::segment::format::{LEVELS, NONE};

/// Neighbours a node above the builder's lowest level, where it keeps twice as many.
const M: usize = 16;
/// Neighbours a node in what is exported. The lowest level is pruned to so many, which makes walks shorter.
const UPPER_STRIDE: usize = M;
/// Candidates kept while a node's neighbours are chosen.
const EF_CONSTRUCTION: usize = 100;

/// Cosine distance, never below 0.
struct Cosine<'a>(&'a Codes);

impl Distance<u32> for Cosine<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        match (a, b) {
            ([a], [b]) => (1.0 - self.0.similarity(*a, *b)).max(0.0),
            _ => f32::INFINITY,
        }
    }
}

/// Builds the levels over the rows of a sample, the first of which has all of them, as a graph without a level 0.
pub(super) fn build(codes: &Codes, sample: &[u32], steps: &Steps<'_>) -> Result<Graph> {
    // One level less than a graph has above level 0, for the builder's own level 0 is level 1 here.
    let builder = Hnsw::new(M, sample.len(), LEVELS - 1, EF_CONSTRUCTION, Cosine(codes));
    let insert = |row: &u32| {
        builder.insert_slice((&[*row], *row as usize));
        steps.advance()
    };
    let Some((first, rest)) = sample.split_first() else {
        return Ok(Graph::default());
    };
    // The builder leaves a point unlinked when two threads insert the first ones at once.
    insert(first)?;
    rest.par_iter().try_for_each(insert)?;
    export(codes, &builder, sample.len())
}

fn export(codes: &Codes, builder: &Hnsw<'_, u32, Cosine<'_>>, rows: usize) -> Result<Graph> {
    let mut upper: Vec<Vec<(u32, Vec<u32>)>> = vec![Vec::new(); LEVELS];
    let (mut entry, mut top, mut points) = (NONE, 0, 0);
    for point in builder.get_point_indexation() {
        let row = point.get_origin_id() as u32;
        let level = usize::from(point.get_point_id().0);
        // Above its own level a point has only the path by which it was inserted.
        let levels = point.get_neighborhood_id().into_iter().take(level + 1);
        for (neighbours, nodes) in levels.zip(&mut upper) {
            nodes.push((row, list(codes, row, &neighbours)));
        }
        if entry == NONE || level > top {
            (entry, top) = (row, level);
        }
        points += 1;
    }
    if points != rows {
        return Err(IndexError::Graph {
            reason: format!("{points} points for {rows} vectors"),
        });
    }
    upper.truncate(top + 1);
    Ok(Graph {
        entry,
        upper_stride: UPPER_STRIDE,
        upper: upper.into_iter().map(level).collect(),
        ..Graph::default()
    })
}

/// The neighbours that the relative neighbourhood rule leaves, which the builder does not apply to edges back; filled up
/// with `NONE`.
fn list(codes: &Codes, row: u32, neighbours: &[Neighbour]) -> Vec<u32> {
    let rows: Vec<u32> = neighbours.iter().map(|neighbour| neighbour.d_id as u32).collect();
    let mut list = prune(codes, row, &rows, UPPER_STRIDE);
    list.resize(UPPER_STRIDE, NONE);
    list
}

fn level(mut nodes: Vec<(u32, Vec<u32>)>) -> Level {
    nodes.sort_unstable_by_key(|(row, _)| *row);
    Level {
        nodes: nodes.iter().map(|(row, _)| *row).collect(),
        neighbours: nodes.into_iter().flat_map(|(_, neighbours)| neighbours).collect(),
    }
}
