//! Beam search over the flat arrays.

use std::cell::RefCell;
use std::collections::BinaryHeap;

use half::f16;

use super::GraphView;
use crate::kernel::dot_f16_f32;
use crate::search::top::{Scored, Top};

thread_local! {
    /// Clearing marks of a million rows costs more than a search, so each thread keeps its own.
    static VISITED: RefCell<Visited> = RefCell::default();
}

/// The up to `ef` best rows that the graph leads to and `admits` accepts, best first. The walk passes through rows
/// that are not admitted, which otherwise would cut the graph apart.
pub(crate) fn search(
    graph: &GraphView<'_>,
    vectors: &[f16],
    query: &[f32],
    ef: usize,
    admits: impl Fn(u32) -> bool,
) -> Vec<Scored<u32>> {
    let Some(entry) = score(vectors, query, graph.entry) else {
        return Vec::new();
    };
    let start = descend(graph, vectors, query, entry);
    let rows = vectors.len() / query.len();
    VISITED.with_borrow_mut(|visited| {
        visited.begin(rows);
        beam(graph, vectors, query, ef, start, visited, admits)
    })
}

/// Walks greedily through the levels above 0.
fn descend(graph: &GraphView<'_>, vectors: &[f16], query: &[f32], entry: Scored<u32>) -> Scored<u32> {
    let mut best = entry;
    for level in graph.upper.iter().rev() {
        loop {
            let neighbours = graph.upper_neighbours(level, best.id);
            match neighbours.iter().filter_map(|row| score(vectors, query, *row)).max() {
                Some(better) if better > best => best = better,
                _ => break,
            }
        }
    }
    best
}

/// Expands the best candidate until none can improve the `ef` best results.
fn beam(
    graph: &GraphView<'_>,
    vectors: &[f16],
    query: &[f32],
    ef: usize,
    start: Scored<u32>,
    visited: &mut Visited,
    admits: impl Fn(u32) -> bool,
) -> Vec<Scored<u32>> {
    let mut found = Top::new(ef);
    let mut candidates = BinaryHeap::from([start]);
    visited.mark(start.id);
    if admits(start.id) {
        found.push(start);
    }
    while let Some(candidate) = candidates.pop() {
        if found.is_full() && found.worst().is_some_and(|worst| candidate < *worst) {
            break;
        }
        for row in graph.neighbours(candidate.id) {
            if !visited.mark(*row) {
                continue;
            }
            let Some(next) = score(vectors, query, *row) else {
                continue;
            };
            if !found.is_full() || found.worst().is_some_and(|worst| next > *worst) {
                candidates.push(next);
                if admits(*row) {
                    found.push(next);
                }
            }
        }
    }
    found.into_sorted()
}

/// None for a row that is not there: an unused place, or damage.
fn score(vectors: &[f16], query: &[f32], row: u32) -> Option<Scored<u32>> {
    let start = (row as usize).checked_mul(query.len())?;
    let vector = vectors.get(start..start.checked_add(query.len())?)?;
    Some(Scored {
        score: dot_f16_f32(vector, query),
        id: row,
    })
}

/// Rows seen in the present search: those that carry its number.
#[derive(Default)]
struct Visited {
    marks: Vec<u8>,
    present: u8,
}

impl Visited {
    fn begin(&mut self, rows: usize) {
        self.marks.resize(rows, 0);
        self.present = self.present.wrapping_add(1);
        if self.present == 0 {
            self.marks.fill(0);
            self.present = 1;
        }
    }

    /// Whether the row exists and was not marked before.
    fn mark(&mut self, row: u32) -> bool {
        self.marks
            .get_mut(row as usize)
            .is_some_and(|mark| std::mem::replace(mark, self.present) != self.present)
    }
}
