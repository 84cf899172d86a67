//! Scanning every vector.
//!
//! Sealed vectors are scanned by their codes, half the bytes of the vectors. A row's codes give its score up to a bound
//! on the error, so that only rows which may be among the best are scored exactly; the answer is that of a scan of the
//! vectors themselves, down to the order of equal scores.

mod bounds;
mod many;
mod rows;

use std::ops::Range;

use half::f16;
use rayon::prelude::*;
use roaring::RoaringTreemap;

use super::rerank::rerank;
use super::top::{Scored, Top};
use crate::kernel::dot_f16_f32;
use crate::matrix::Matrix;
use crate::quantize::{CodesView, MAX_ROWS_AT_ONCE, PreparedQuery};
use crate::types::ItemId;
use crate::view::Sealed;
use bounds::{Bounds, Found};
pub(super) use many::scan_sealed_many;
use rows::Rows;
pub(super) use rows::{admitted, scan_costs};

/// Rows that one task scans; fewer than this are not worth a second thread.
const CHUNK: usize = 4096;

/// Scans the sealed rows that still hold and that the filter admits.
pub(super) fn scan_sealed(sealed: &Sealed, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Top<ItemId> {
    let codes = sealed.segment.codes();
    let mut prepared = PreparedQuery::default();
    prepared.prepare(&codes, query);
    let bounds = Bounds::new(&codes, &prepared, k);
    let scan = Scan {
        codes,
        query: &prepared,
        bounds: &bounds,
    };
    let rows = Rows::of(sealed, filter);
    let found = split(rows.len(), |part| match &rows {
        Rows::Listed(rows) => scan.listed(rows.get(part).unwrap_or_default()),
        Rows::All(_) => scan.in_order(part, |row| rows.holds(row, sealed, filter)),
    });
    rerank(sealed, query, k, bounds.best(found).iter().copied())
}

/// What a scan by codes is about.
struct Scan<'a> {
    codes: CodesView<'a>,
    query: &'a PreparedQuery,
    bounds: &'a Bounds,
}

impl Scan<'_> {
    /// The rows of a range that may be among the `k` best, each with the greatest score that it can have.
    fn in_order(&self, range: Range<usize>, admits: impl Fn(u32) -> bool) -> Vec<Scored<u32>> {
        let mut scores = [0.0; MAX_ROWS_AT_ONCE];
        let mut found = Found::new(self.bounds);
        for first in range.clone().step_by(MAX_ROWS_AT_ONCE) {
            let count = MAX_ROWS_AT_ONCE.min(range.end - first);
            let (Some(scores), Some(scales)) = (scores.get_mut(..count), self.codes.scales.get(first..first + count))
            else {
                break;
            };
            self.query.score_in_order(&self.codes, first, scores);
            found.consider(scores, scales, |place| (first + place) as u32, &admits);
        }
        found.candidates
    }

    /// The same of listed rows.
    fn listed(&self, rows: &[u32]) -> Vec<Scored<u32>> {
        let (mut scores, mut scales) = (Vec::new(), Vec::new());
        let mut found = Found::new(self.bounds);
        for rows in rows.chunks(MAX_ROWS_AT_ONCE) {
            self.query.score_listed(&self.codes, rows, &mut scores);
            scales.clear();
            scales.extend(rows.iter().map(|row| self.codes.scale(*row)));
            let row = |place: usize| rows.get(place).copied().unwrap_or(u32::MAX);
            found.consider(&scores, &scales, row, |_| true);
        }
        found.candidates
    }
}

/// The work on all of `rows` rows, in parts on several threads where it is worth it; what came of each.
fn split<T: Send>(rows: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let threads = rayon::current_num_threads();
    if threads == 1 || rows <= CHUNK {
        return vec![work(0..rows)];
    }
    let parts: Vec<_> = (0..rows).step_by(CHUNK).collect();
    let part = |start: usize| work(start..(start + CHUNK).min(rows));
    parts.into_par_iter().map(part).collect()
}

/// Scans a matrix.
pub(super) fn scan_matrix(matrix: &Matrix, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Top<ItemId> {
    let dim = query.len();
    if dim == 0 {
        return Top::new(k);
    }
    let scan_chunk = |(ids, vectors): (&[ItemId], &[f16])| {
        let mut top = Top::new(k);
        let rows = ids.iter().zip(vectors.chunks_exact(dim));
        for (id, vector) in rows.filter(|(id, _)| admits(filter, **id)) {
            let score = dot_f16_f32(vector, query);
            top.push(Scored { score, id: *id });
        }
        top
    };
    if matrix.ids.len() <= CHUNK {
        return scan_chunk((&matrix.ids, &matrix.vectors));
    }
    matrix
        .ids
        .par_chunks(CHUNK)
        .zip(matrix.vectors.par_chunks(CHUNK * dim))
        .map(scan_chunk)
        .reduce(|| Top::new(k), Top::merge)
}

pub(super) fn admits(filter: Option<&RoaringTreemap>, id: ItemId) -> bool {
    filter.is_none_or(|filter| filter.contains(id))
}
