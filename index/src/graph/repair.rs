//! Linking rows that no walk of level 0 reaches.
//!
//! The builder keeps the nearest of each node's incoming links, so a row at the edge of its cluster can lose all of
//! its own; such a row would never be found.

use half::f16;

use super::Graph;
use crate::kernel::dot_f16_f16;
use crate::matrix::Matrix;
use crate::segment::format::NONE;

/// Rows that are asked for a place.
const MAX_SOURCES: usize = 256;

/// Gives each unreached row an incoming edge from a near row that is reached; where all places there are taken, in
/// the place of the farthest neighbour that is reached in another way. Returns how many rows are still unreached.
pub(super) fn link_unreached(graph: &mut Graph, matrix: &Matrix) -> u64 {
    let rows = matrix.ids.len() as u32;
    let mut walk = Walk {
        parents: vec![NONE; matrix.ids.len()],
    };
    walk.from(graph, graph.entry, graph.entry);
    for row in 0..rows {
        if !walk.reached(row)
            && let Some(source) = link(graph, matrix, &walk, row)
        {
            walk.from(graph, source, row);
        }
    }
    (0..rows).filter(|row| !walk.reached(*row)).count() as u64
}

/// Adds an edge to `row`, and returns where from: the nearest reached row that has a place for it, of those that a
/// search for it finds, for from there searches will come.
fn link(graph: &mut Graph, matrix: &Matrix, walk: &Walk, row: u32) -> Option<u32> {
    let query: Vec<f32> = vector(matrix, row).iter().map(|value| value.to_f32()).collect();
    let sources = super::search(&graph.view(), &matrix.vectors, &query, MAX_SOURCES, |source| {
        walk.reached(source)
    });
    sources
        .iter()
        .map(|source| source.id)
        .find(|source| add_edge(graph, matrix, walk, *source, row))
}

/// Whether `source` had an unused place, or one whose edge no walk needs.
fn add_edge(graph: &mut Graph, matrix: &Matrix, walk: &Walk, source: u32, row: u32) -> bool {
    let start = source as usize * graph.stride;
    let Some(places) = graph.level0.get_mut(start..start + graph.stride) else {
        return false;
    };
    let farness = |place: &u32| {
        if *place == NONE {
            f32::INFINITY
        } else {
            -similarity(matrix, source, *place)
        }
    };
    let spare = places.iter_mut().filter(|place| !walk.came(source, **place));
    let Some(place) = spare.max_by(|a, b| farness(a).total_cmp(&farness(b))) else {
        return false;
    };
    *place = row;
    true
}

fn similarity(matrix: &Matrix, a: u32, b: u32) -> f32 {
    dot_f16_f16(vector(matrix, a), vector(matrix, b))
}

fn vector(matrix: &Matrix, row: u32) -> &[f16] {
    let start = row as usize * matrix.dim;
    matrix.vectors.get(start..start + matrix.dim).unwrap_or_default()
}

/// The rows reached so far, each with the row that it was first reached from. As long as those edges stay, everything
/// reached stays so.
struct Walk {
    parents: Vec<u32>,
}

impl Walk {
    /// Walks on from `row`, to which an edge leads from `parent`.
    fn from(&mut self, graph: &Graph, parent: u32, row: u32) {
        let mut open = vec![(parent, row)];
        while let Some((parent, row)) = open.pop() {
            if let Some(known) = self.parents.get_mut(row as usize)
                && *known == NONE
            {
                *known = parent;
                let start = row as usize * graph.stride;
                let places = graph.level0.get(start..start + graph.stride).unwrap_or_default();
                open.extend(places.iter().map(|next| (row, *next)));
            }
        }
    }

    fn reached(&self, row: u32) -> bool {
        self.parents.get(row as usize).is_some_and(|parent| *parent != NONE)
    }

    /// Whether the walk came to `row` by the edge from `source`.
    fn came(&self, source: u32, row: u32) -> bool {
        self.parents.get(row as usize) == Some(&source)
    }
}
