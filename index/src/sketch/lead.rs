//! Whether sketches tell enough to lead walks.

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::{SketchedQuery, SketchesView};
use crate::kernel::dot_f16_f32;
use crate::matrix::{self, Matrix};

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
        let dim = matrix.dim;
        let rows: Vec<u32> = spread(matrix.ids.len(), ROWS).map(|row| row as u32).collect();
        let own = spread(matrix.ids.len(), QUERIES).map(|row| matrix::row(&matrix.vectors, dim, row).to_f32_vec());
        let others = training.chunks_exact(dim.max(1));
        let others = spread(others.len(), QUERIES)
            .filter_map(|at| others.clone().nth(at))
            .map(<[f32]>::to_vec);
        let queries: [Vec<Vec<f32>>; 2] = [own.collect(), others.collect()];
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
        let score = |row: &u32| dot_f16_f32(matrix::row(&matrix.vectors, matrix.dim, *row as usize), query);
        let mut pairs: Vec<(f32, f32)> = rows.iter().map(score).zip(rough.iter().copied()).collect();
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        pairs.truncate(NEAREST);
        let better = move |than: f32| rough.iter().filter(|rough| **rough > than).count();
        pairs.into_iter().map(move |(_, rough)| better(rough))
    });
    let mut ranks: Vec<usize> = ranks.collect();
    ranks.sort_unstable();
    ranks.get(ranks.len() * SHARE / 100).map_or(0, |rank| rank + 1)
}

/// About `most` of `count` numbers, evenly spread.
fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(count.div_ceil(most).max(1))
}
