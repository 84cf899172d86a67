//! A query, prepared for products with sketches.

use super::{STRONG_STEP, SketchesView, WEAK_STEP, WIDTH};
use crate::kernel::{Kernels, LineQuery, MAX_SHIFT, STRONG, WEAK, dot_f16_f32};
use crate::quantize::rounded;

/// The largest value of a query for strong values; for weak ones it is [`LARGEST_WEAK`], shifted.
const LARGEST: f32 = (127 << MAX_SHIFT) as f32;
const LARGEST_WEAK: f32 = 127.0;

/// A query's values for sketches. Its memory serves one query after another.
#[derive(Clone, Debug)]
pub(crate) struct SketchedQuery {
    kernels: Kernels,
    values: Vec<f32>,
    /// None for a query of which nothing is known.
    line: Option<LineQuery>,
}

impl Default for SketchedQuery {
    fn default() -> Self {
        Self {
            kernels: Kernels::best(),
            values: Vec::new(),
            line: None,
        }
    }
}

impl SketchedQuery {
    /// Prepares a query of `sketches.dim` values for these sketches.
    pub(crate) fn prepare(&mut self, sketches: &SketchesView<'_>, query: &[f32]) {
        let directions = sketches.queries.chunks_exact(sketches.dim.max(1)).take(WIDTH);
        self.values.clear();
        self.values
            .extend(directions.map(|direction| dot_f16_f32(direction, query)));
        self.values.resize(WIDTH, 0.0);
        self.line = line(&self.values);
    }

    /// Numbers that order the listed rows about as their scores do, in `scores` alone when it returns.
    pub(crate) fn score_listed(&self, sketches: &SketchesView<'_>, rows: &[u32], scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(rows.len(), 0.0);
        if let Some(line) = &self.line {
            self.kernels.lines(line, sketches.sketches, rows, scores);
        }
    }
}

/// The values in the steps of sketches, multiplied by whatever makes them large integers.
fn line(values: &[f32]) -> Option<LineQuery> {
    let (strong, weak) = values.split_at_checked(STRONG)?;
    let largest = |values: &[f32]| values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let (largest_strong, largest_weak) = (STRONG_STEP * largest(strong), WEAK_STEP * largest(weak));
    let factor = LARGEST / largest_strong.max(largest_weak);
    if !factor.is_finite() {
        return None;
    }
    // The smallest shift with which weak values fit.
    let shift = (0..MAX_SHIFT).find(|shift| largest_weak * factor <= LARGEST_WEAK * (1 << shift) as f32);
    let shift = shift.unwrap_or(MAX_SHIFT);
    let weak_factor = WEAK_STEP * factor / (1 << shift) as f32;
    let (mut strong_values, mut weak_values) = ([0; STRONG], [0; WEAK]);
    for (to, value) in strong_values.iter_mut().zip(strong) {
        *to = rounded((value * STRONG_STEP * factor).clamp(-LARGEST, LARGEST)) as i16;
    }
    for (to, value) in weak_values.iter_mut().zip(weak) {
        *to = rounded((value * weak_factor).clamp(-LARGEST_WEAK, LARGEST_WEAK)) as i8;
    }
    LineQuery::new(strong_values, weak_values, shift)
}
