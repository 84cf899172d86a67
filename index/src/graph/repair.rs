//! Linking rows that no walk of level 0 reaches.
//!
//! The builder keeps the nearest of each node's incoming links, so a row at the edge of its cluster can lose all of
//! its own; such a row would never be found.

use half::f16;

use super::Graph;
use crate::kernel::dot_f16_f16;
use crate::matrix::Matrix;
use crate::segment::format::NONE;

/// Each round can cut off a row that the round before had linked; in practice the first leaves nothing.
const ROUNDS: usize = 4;
/// Rows that are asked for a place.
const MAX_SOURCES: usize = 256;

/// Gives each unreached row an incoming edge from a near row that is reached, in the place of that row's farthest
/// neighbour that something else points at too where all places are taken. Returns how many rows are still
/// unreached.
pub(super) fn link_unreached(graph: &mut Graph, matrix: &Matrix) -> u64 {
    let mut lost = Vec::new();
    for _ in 0..ROUNDS {
        let mut walk = Walk::new(matrix.ids.len());
        walk.from(graph, graph.entry);
        let in_degree = &mut in_degrees(graph, matrix.ids.len());
        for row in 0..matrix.ids.len() as u32 {
            if !walk.reached(row) && link(graph, matrix, &walk, in_degree, row) {
                walk.from(graph, row);
            }
        }
        // Replaced edges may have cut something off: count anew.
        let mut check = Walk::new(matrix.ids.len());
        check.from(graph, graph.entry);
        lost = (0..matrix.ids.len() as u32)
            .filter(|row| !check.reached(*row))
            .collect();
        if lost.is_empty() {
            break;
        }
    }
    lost.len() as u64
}

/// Whether an edge to `row` was added: from the nearest reached row that has a place for it, of those that a search
/// for it finds, for from there searches will come.
fn link(graph: &mut Graph, matrix: &Matrix, walk: &Walk, in_degree: &mut [u32], row: u32) -> bool {
    let query: Vec<f32> = vector(matrix, row).iter().map(|value| value.to_f32()).collect();
    let sources = super::search(&graph.view(), &matrix.vectors, &query, MAX_SOURCES, |source| {
        walk.reached(source)
    });
    sources
        .iter()
        .any(|source| add_edge(graph, matrix, in_degree, source.id, row))
}

fn add_edge(graph: &mut Graph, matrix: &Matrix, in_degree: &mut [u32], source: u32, row: u32) -> bool {
    let start = source as usize * graph.stride;
    let Some(places) = graph.level0.get_mut(start..start + graph.stride) else {
        return false;
    };
    let spare = |place: &u32| *place == NONE || in_degree.get(*place as usize).is_some_and(|degree| *degree > 1);
    let farness = |place: &u32| {
        if *place == NONE {
            f32::INFINITY
        } else {
            -similarity(matrix, source, *place)
        }
    };
    let candidates = places.iter_mut().filter(|place| spare(place));
    let Some(place) = candidates.max_by(|a, b| farness(a).total_cmp(&farness(b))) else {
        return false;
    };
    let replaced = std::mem::replace(place, row);
    if let Some(degree) = in_degree.get_mut(replaced as usize) {
        *degree -= 1;
    }
    if let Some(degree) = in_degree.get_mut(row as usize) {
        *degree += 1;
    }
    true
}

fn similarity(matrix: &Matrix, a: u32, b: u32) -> f32 {
    dot_f16_f16(vector(matrix, a), vector(matrix, b))
}

fn vector(matrix: &Matrix, row: u32) -> &[f16] {
    let start = row as usize * matrix.dim;
    matrix.vectors.get(start..start + matrix.dim).unwrap_or_default()
}

fn neighbours(graph: &Graph, row: u32) -> impl Iterator<Item = u32> {
    let start = row as usize * graph.stride;
    let places = graph.level0.get(start..start + graph.stride).unwrap_or_default();
    places.iter().copied().filter(|place| *place != NONE)
}

fn in_degrees(graph: &Graph, rows: usize) -> Vec<u32> {
    let mut degrees = vec![0; rows];
    for place in &graph.level0 {
        if let Some(degree) = degrees.get_mut(*place as usize) {
            *degree += 1;
        }
    }
    degrees
}

/// The rows reached so far.
struct Walk {
    reached: Vec<bool>,
}

impl Walk {
    fn new(rows: usize) -> Self {
        Self {
            reached: vec![false; rows],
        }
    }

    fn from(&mut self, graph: &Graph, start: u32) {
        let mut open = vec![start];
        while let Some(row) = open.pop() {
            if let Some(reached) = self.reached.get_mut(row as usize)
                && !std::mem::replace(reached, true)
            {
                open.extend(neighbours(graph, row));
            }
        }
    }

    fn reached(&self, row: u32) -> bool {
        self.reached.get(row as usize).is_some_and(|reached| *reached)
    }
}
