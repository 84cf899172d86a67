//! Scanning every vector.
//!
//! Sealed vectors are scanned by their codes, half the bytes of the vectors. A row's codes give its score up to a bound
//! on the error, so that only rows which may be among the best are scored exactly; the answer is that of a scan of the
//! vectors themselves, down to the order of equal scores.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// Rows that one task scans; fewer than this are not worth a second thread.
const CHUNK: usize = 4096;
/// A filter this many times smaller than the rows is looked up id by id.
const NARROW: u64 = 16;

/// Scans the sealed rows that still hold and that the filter admits.
pub(super) fn scan_sealed(sealed: &Sealed, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Top<ItemId> {
    let (ids, codes) = (sealed.segment.ids(), sealed.segment.codes());
    let mut prepared = PreparedQuery::default();
    prepared.prepare(&codes, query);
    let scan = Scan {
        codes,
        query: &prepared,
        width: prepared.width(&codes),
        slack: prepared.slack(&codes),
        k,
        floor: Floor::default(),
    };
    let mut candidates = match filter {
        Some(filter) if filter.len().saturating_mul(NARROW) < ids.len() as u64 => {
            let rows = rows_of(filter, sealed);
            split(rows.len(), |part| scan.listed(rows.get(part).unwrap_or_default()))
        }
        _ => split(ids.len(), |part| {
            scan.in_order(part, |row| {
                let id = ids.get(row as usize);
                !sealed.dead.contains(row as usize) && id.is_some_and(|id| admits(filter, *id))
            })
        }),
    };
    let floor = scan.floor.get();
    candidates.retain(|candidate| candidate.score >= floor);
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    rerank(sealed, query, k, candidates.iter().copied())
}

/// What a scan by codes is about.
struct Scan<'a> {
    codes: CodesView<'a>,
    query: &'a PreparedQuery,
    /// A row's score by codes is within `width * scale + slack` of its own.
    width: f32,
    slack: f32,
    k: usize,
    /// `k` rows have at least this score.
    floor: Floor,
}

impl Scan<'_> {
    /// The rows of a range that may be among the `k` best, each with the greatest score that it can have.
    fn in_order(&self, range: Range<usize>, admits: impl Fn(u32) -> bool) -> Vec<Scored<u32>> {
        let mut scores = [0.0; MAX_ROWS_AT_ONCE];
        let mut found = Found::new(self);
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
        let mut found = Found::new(self);
        for rows in rows.chunks(MAX_ROWS_AT_ONCE) {
            self.query.score_listed(&self.codes, rows, &mut scores);
            scales.clear();
            let scale = |row: &u32| self.codes.scales.get(*row as usize).copied().unwrap_or_default();
            scales.extend(rows.iter().map(scale));
            let row = |place: usize| rows.get(place).copied().unwrap_or(u32::MAX);
            found.consider(&scores, &scales, row, |_| true);
        }
        found.candidates
    }
}

/// What one task of a scan has found.
struct Found<'a> {
    scan: &'a Scan<'a>,
    /// The best of the least scores that rows can have.
    least: Top<u32>,
    floor: f32,
    candidates: Vec<Scored<u32>>,
}

impl<'a> Found<'a> {
    fn new(scan: &'a Scan<'a>) -> Self {
        Self {
            scan,
            least: Top::new(scan.k),
            floor: f32::NEG_INFINITY,
            candidates: Vec::new(),
        }
    }

    /// Takes those of some rows that may be among the best.
    fn consider(&mut self, scores: &[f32], scales: &[f32], row: impl Fn(usize) -> u32, admits: impl Fn(u32) -> bool) {
        let Scan { width, slack, .. } = *self.scan;
        self.floor = self.floor.max(self.scan.floor.get());
        let floor = self.floor;
        // Without a branch a row: nearly always there is none.
        let bounds = scores.iter().zip(scales);
        let any = bounds.fold(false, |any, (score, scale)| {
            any | (score + width * scale + slack >= floor)
        });
        if !any {
            return;
        }
        for (place, (score, scale)) in scores.iter().zip(scales).enumerate() {
            let error = width * scale + slack;
            let id = row(place);
            if score + error >= self.floor && admits(id) {
                let score = score + error;
                self.candidates.push(Scored { score, id });
                self.raise(score - 2.0 * error, id);
            }
        }
    }

    /// Notes that a row has at least this score.
    fn raise(&mut self, score: f32, id: u32) {
        if self.least.push(Scored { score, id })
            && self.least.is_full()
            && let Some(worst) = self.least.worst()
            && worst.score > self.floor
        {
            self.floor = worst.score;
            self.scan.floor.raise(worst.score);
        }
    }
}

/// A score that only rises, shared by the tasks of a scan.
struct Floor(AtomicU32);

impl Default for Floor {
    fn default() -> Self {
        Self(AtomicU32::new(ascending(f32::NEG_INFINITY)))
    }
}

impl Floor {
    fn get(&self) -> f32 {
        let bits = self.0.load(Ordering::Relaxed);
        f32::from_bits(if bits >> 31 == 1 { bits ^ 1 << 31 } else { !bits })
    }

    fn raise(&self, score: f32) {
        self.0.fetch_max(ascending(score), Ordering::Relaxed);
    }
}

/// Bits that are ordered as the numbers are.
fn ascending(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The work on all of `rows` rows, on several threads where it is worth it.
fn split(rows: usize, work: impl Fn(Range<usize>) -> Vec<Scored<u32>> + Sync) -> Vec<Scored<u32>> {
    let threads = rayon::current_num_threads();
    if threads == 1 || rows <= CHUNK {
        return work(0..rows);
    }
    let parts: Vec<_> = (0..rows).step_by(CHUNK).collect();
    parts
        .into_par_iter()
        .flat_map_iter(|start| work(start..(start + CHUNK).min(rows)))
        .collect()
}

/// The rows of a filter's items whose sealed vectors still hold, ascending.
fn rows_of(filter: &RoaringTreemap, sealed: &Sealed) -> Vec<u32> {
    let mut rest = sealed.segment.ids();
    let mut passed = 0;
    let mut rows = Vec::new();
    for id in filter {
        // Filters often name runs of ids: the next is near.
        let mut step = 1;
        while rest.get(step).is_some_and(|next| *next < id) {
            step *= 2;
        }
        let near = rest.get(..step.saturating_add(1).min(rest.len())).unwrap_or_default();
        let place = near.partition_point(|next| *next < id);
        rest = rest.get(place..).unwrap_or_default();
        passed += place;
        if rest.first() == Some(&id) && !sealed.dead.contains(passed) {
            rows.extend(u32::try_from(passed));
        }
    }
    rows
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
