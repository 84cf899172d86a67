//! Whether sketches tell enough to lead walks.

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::{SketchedQuery, SketchesView, step};
use crate::kernel::dot_f16_f32;
use crate::matrix::{self, Matrix};
use crate::search::top::{Scored, Top};

/// What sketches are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// They lead walks alone.
    Alone,
    /// They tell which rows need not be looked at.
    Sifting,
}

/// Queries of each kind that are tried.
const QUERIES: usize = 32;
/// Rows that they are tried with: about so many, evenly spread.
const ROWS: usize = 1 << 17;
/// Of each query, so many of the true nearest are looked for.
const NEAREST: usize = 10;
/// The share of them that is to be found by sketches, in hundredths.
const SHARE: usize = 98;
/// Sketches lead alone where that share is among so many of the best by sketches. Measured over 100,000 vectors of
/// `clip_like_vectors`: 16 for images, 32 for texts, of which walks that sketches lead find as many with the same number
/// of candidates as walks by codes; and over WordNet's nouns in the built-in encoder's space 235 for nouns, 74 for
/// definitions, for which they have to keep four times as many candidates for a recall of 0.99 (2026-11-26).
const ENOUGH: usize = 48;

impl Lead {
    /// What sketches are good for with queries like the rows and like `training`.
    pub(super) fn of(sketches: &SketchesView<'_>, matrix: &Matrix, training: &[f32]) -> Self {
        let count = matrix.ids.len();
        let rows: Vec<u32> = (0..count as u32).step_by(step(count, ROWS)).collect();
        let own = matrix.vectors.chunks_exact(matrix.dim).step_by(step(count, QUERIES));
        let others = training.chunks_exact(matrix.dim);
        let others_step = step(others.len(), QUERIES);
        let queries: [Vec<Vec<f32>>; 2] = [
            own.map(HalfFloatSliceExt::to_f32_vec).collect(),
            others.step_by(others_step).map(<[f32]>::to_vec).collect(),
        ];
        let enough = |queries: &Vec<Vec<f32>>| needed(sketches, matrix, &rows, queries) <= ENOUGH;
        if queries.iter().all(enough) {
            Self::Alone
        } else {
            Self::Sifting
        }
    }
}

/// Rows, the best by sketches, among which [`SHARE`] of the nearest of all queries are.
fn needed(sketches: &SketchesView<'_>, matrix: &Matrix, rows: &[u32], queries: &[Vec<f32>]) -> usize {
    let ranks = queries.par_iter().flat_map_iter(|query| {
        let (mut sketched, mut rough) = (SketchedQuery::default(), Vec::new());
        sketched.prepare(sketches, query);
        sketched.score_listed(sketches, rows, &mut rough);
        let mut nearest = Top::new(NEAREST);
        for (place, row) in (0u32..).zip(rows) {
            let score = dot_f16_f32(matrix::row(&matrix.vectors, matrix.dim, *row as usize), query);
            nearest.push(Scored { score, id: place });
        }
        nearest.into_sorted().into_iter().map(move |found| {
            let than = rough.get(found.id as usize).copied().unwrap_or_default();
            rough.iter().filter(|rough| **rough > than).count()
        })
    });
    let mut ranks: Vec<usize> = ranks.collect();
    ranks.sort_unstable();
    ranks.get(ranks.len() * SHARE / 100).map_or(0, |rank| rank + 1)
}
