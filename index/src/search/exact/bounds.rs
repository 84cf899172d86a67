//! Which rows may be among the best, by scores that are right up to a bound.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::quantize::{CodesView, PreparedQuery};
use crate::search::top::{Scored, Top};

/// How far a query's scores by codes are from the true ones, and what the best rows have at least.
pub(super) struct Bounds {
    /// A row's score by codes is within `width * scale + slack` of its own.
    width: f32,
    slack: f32,
    k: usize,
    /// `k` rows have at least this score.
    floor: Floor,
}

impl Bounds {
    /// Of the scores of a query, of which the `k` best are wanted.
    pub(super) fn new(codes: &CodesView<'_>, query: &PreparedQuery, k: usize) -> Self {
        Self {
            width: query.width(codes),
            slack: query.slack(codes),
            k,
            floor: Floor::default(),
        }
    }

    /// What tasks found, less the rows that others turned out to be better than; in falling order.
    pub(super) fn best(&self, found: impl IntoIterator<Item = Vec<Scored<u32>>>) -> Vec<Scored<u32>> {
        let floor = self.floor.get();
        let found = found.into_iter().flatten();
        let mut best: Vec<_> = found.filter(|candidate| candidate.score >= floor).collect();
        best.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        best
    }
}

/// What one task of a scan has found.
pub(super) struct Found<'a> {
    bounds: &'a Bounds,
    /// The best of the least scores that rows can have.
    least: Top<u32>,
    floor: f32,
    /// The rows that may be among the `k` best, each with the greatest score that it can have.
    pub(super) candidates: Vec<Scored<u32>>,
}

impl<'a> Found<'a> {
    pub(super) fn new(bounds: &'a Bounds) -> Self {
        Self {
            bounds,
            least: Top::new(bounds.k),
            floor: f32::NEG_INFINITY,
            candidates: Vec::new(),
        }
    }

    /// Takes those of some rows that may be among the best.
    pub(super) fn consider(
        &mut self,
        scores: &[f32],
        scales: &[f32],
        row: impl Fn(usize) -> u32,
        admits: impl Fn(u32) -> bool,
    ) {
        let Bounds { width, slack, .. } = *self.bounds;
        self.floor = self.floor.max(self.bounds.floor.get());
        let floor = self.floor;
        // Without a branch a row: nearly always there is none.
        let any = scores.iter().zip(scales).fold(false, |any, (score, scale)| {
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
            self.bounds.floor.raise(worst.score);
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
