//! Building a graph with `hnsw_rs`, and exporting it to flat arrays.

use half::f16;
use hnsw_rs::prelude::{Distance, Hnsw, Neighbour};

use super::{Graph, Level, repair};
use crate::error::{IndexError, Result};
use crate::kernel::dot_f16_f16;
use crate::matrix::Matrix;
use crate::segment::format::{LEVELS, NONE};

/// Neighbours a node above level 0; twice as many at level 0.
const M: usize = 16;
/// Candidates kept while a node's neighbours are chosen.
const EF_CONSTRUCTION: usize = 200;

/// How a graph is built.
pub(crate) struct BuildOptions<'a> {
    /// Queries that the graph is to answer well, row by row.
    pub(crate) training: Option<&'a [f32]>,
    /// Called with how much of how much is done.
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Asked whether to stop.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// A graph, and the number of rows that no walk reaches, in spite of the edges added for them.
pub(crate) struct Built {
    pub(crate) graph: Graph,
    pub(crate) unreached: u64,
}

/// Builds the graph over all rows of a matrix, in the present thread pool.
///
/// # Errors
/// [`IndexError::Graph`] when the builder's result is not a graph over these rows, [`IndexError::Cancelled`].
pub(crate) fn build(matrix: &Matrix, options: &BuildOptions<'_>) -> Result<Built> {
    let rows = matrix.ids.len();
    if (options.cancelled)() {
        return Err(IndexError::Cancelled);
    }
    let _ = options.training;
    if u32::try_from(rows).is_err() {
        return Err(IndexError::Graph {
            reason: format!("{rows} vectors are more than a graph holds"),
        });
    }
    let builder = Hnsw::<'_, f16, Cosine>::new(M, rows, LEVELS, EF_CONSTRUCTION, Cosine);
    let mut points: Vec<(&[f16], usize)> = matrix
        .vectors
        .chunks_exact(matrix.dim)
        .enumerate()
        .map(|(row, vector)| (vector, row))
        .collect();
    // The builder leaves a point unlinked when two threads insert the first ones at once.
    if let Some(first) = points.pop() {
        builder.insert_slice(first);
    }
    builder.parallel_insert_slice(&points);
    let mut graph = export(&builder, rows)?;
    let unreached = repair::link_unreached(&mut graph, matrix);
    (options.progress)(rows as u64, rows as u64);
    Ok(Built { graph, unreached })
}

/// Cosine distance of unit vectors, never below 0. The builder's own asserts that, which f16 rounding does not keep.
struct Cosine;

impl Distance<f16> for Cosine {
    fn eval(&self, a: &[f16], b: &[f16]) -> f32 {
        (1.0 - dot_f16_f16(a, b)).max(0.0)
    }
}

fn export(builder: &Hnsw<'_, f16, Cosine>, rows: usize) -> Result<Graph> {
    let broken = |reason: &str| IndexError::Graph {
        reason: reason.to_owned(),
    };
    let mut graph = Graph {
        entry: NONE,
        stride: 2 * M,
        level0: vec![NONE; rows * 2 * M],
        upper_stride: M,
        upper: Vec::new(),
    };
    let mut upper: Vec<Vec<(u32, Vec<u32>)>> = vec![Vec::new(); LEVELS];
    let (mut points, mut top) = (0, 0);
    for point in builder.get_point_indexation() {
        let row = point.get_origin_id();
        let level = usize::from(point.get_point_id().0);
        let mut levels = point.get_neighborhood_id().into_iter();
        let place = graph.level0.get_mut(row * graph.stride..(row + 1) * graph.stride);
        fill(
            place.ok_or_else(|| broken("a point without a row"))?,
            row,
            levels.next().unwrap_or_default(),
        );
        // Above its own level a point has only the path by which it was inserted.
        for (neighbours, nodes) in levels.take(level).zip(&mut upper) {
            let mut list = vec![NONE; M];
            fill(&mut list, row, neighbours);
            nodes.push((row as u32, list));
        }
        if graph.entry == NONE || level > top {
            (graph.entry, top) = (row as u32, level);
        }
        points += 1;
    }
    if points != rows || graph.entry == NONE {
        return Err(broken(&format!("{points} points for {rows} vectors")));
    }
    upper.truncate(top);
    graph.upper = upper.into_iter().map(level).collect();
    Ok(graph)
}

/// Writes the nearest neighbours to a node's places.
fn fill(places: &mut [u32], row: usize, mut neighbours: Vec<Neighbour>) {
    neighbours.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let others = neighbours
        .iter()
        .map(|neighbour| neighbour.d_id)
        .filter(|other| *other != row);
    for (place, other) in places.iter_mut().zip(others) {
        *place = other as u32;
    }
}

fn level(mut nodes: Vec<(u32, Vec<u32>)>) -> Level {
    nodes.sort_unstable_by_key(|(row, _)| *row);
    Level {
        nodes: nodes.iter().map(|(row, _)| *row).collect(),
        neighbours: nodes.into_iter().flat_map(|(_, neighbours)| neighbours).collect(),
    }
}
