//! Scans for many queries at once, whose codes come from memory once for several of them.

use std::ops::Range;

use rayon::prelude::*;
use roaring::RoaringTreemap;

use super::bounds::{Bounds, Found};
use super::rows::Rows;
use super::{scan_sealed, split};
use crate::quantize::{CodesView, MAX_ROWS_AT_ONCE, PreparedQueries};
use crate::search::rerank::rerank;
use crate::search::top::{Scored, Top};
use crate::types::ItemId;
use crate::view::Sealed;

/// Queries that share one way through the codes. Their products with a row take several times as long then as the row
/// takes to come from memory.
const TOGETHER: usize = 32;
/// Fewer queries are scanned for one by one.
const FEW: usize = 3;

/// [`scan_sealed`] for each of several queries.
pub(in crate::search) fn scan_sealed_many<Q: AsRef<[f32]> + Sync>(
    sealed: &Sealed,
    queries: &[Q],
    k: usize,
    filter: Option<&RoaringTreemap>,
) -> Vec<Top<ItemId>> {
    if queries.len() <= FEW {
        let scan = |query: &Q| scan_sealed(sealed, query.as_ref(), k, filter);
        return queries.iter().map(scan).collect();
    }
    let rows = Rows::of(sealed, filter);
    let together = queries.par_chunks(TOGETHER);
    let found = together.flat_map_iter(|queries| {
        let queries: Vec<&[f32]> = queries.iter().map(AsRef::as_ref).collect();
        scan_together(sealed, &queries, k, &rows, filter)
    });
    found.collect()
}

fn scan_together(
    sealed: &Sealed,
    queries: &[&[f32]],
    k: usize,
    rows: &Rows,
    filter: Option<&RoaringTreemap>,
) -> Vec<Top<ItemId>> {
    let codes = sealed.segment.codes();
    let prepared = PreparedQueries::new(&codes, queries);
    let bounds = prepared.each().iter().map(|query| Bounds::new(&codes, query, k));
    let scan = Scan {
        codes,
        queries: &prepared,
        bounds: bounds.collect(),
        rows,
    };
    let mut parts = split(rows.len(), |part| {
        scan.part(part, |row| rows.holds(row, sealed, filter))
    });
    let each = queries.iter().zip(&scan.bounds).enumerate();
    each.map(|(place, (query, bounds))| {
        let found = parts
            .iter_mut()
            .filter_map(|part| part.get_mut(place))
            .map(std::mem::take);
        rerank(sealed, query, k, bounds.best(found).iter().copied())
    })
    .collect()
}

/// What a scan for several queries is about.
struct Scan<'a> {
    codes: CodesView<'a>,
    queries: &'a PreparedQueries,
    /// Of each query.
    bounds: Vec<Bounds>,
    rows: &'a Rows,
}

impl Scan<'_> {
    /// For each query, those of a range of the rows that may be among its best.
    fn part(&self, range: Range<usize>, admits: impl Fn(u32) -> bool) -> Vec<Vec<Scored<u32>>> {
        let mut found: Vec<Found<'_>> = self.bounds.iter().map(Found::new).collect();
        let (mut in_order, mut scales, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for first in range.clone().step_by(MAX_ROWS_AT_ONCE) {
            let end = range.end.min(first + MAX_ROWS_AT_ONCE);
            let rows = match self.rows {
                Rows::Listed(rows) => rows.get(first..end).unwrap_or_default(),
                Rows::All(_) => {
                    in_order.clear();
                    in_order.extend(first as u32..end as u32);
                    in_order.as_slice()
                }
            };
            scales.clear();
            scales.extend(rows.iter().map(|row| self.codes.scale(*row)));
            self.queries.score_listed(&self.codes, rows, &scales, &mut scores);
            let row = |place: usize| rows.get(place).copied().unwrap_or(u32::MAX);
            for (found, scores) in found.iter_mut().zip(scores.chunks(rows.len().max(1))) {
                found.consider(scores, &scales, row, &admits);
            }
        }
        found.into_iter().map(|found| found.candidates).collect()
    }
}
