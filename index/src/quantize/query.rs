//! A query, prepared for products with codes.

use super::codes::{CodesView, MAX_CODE, stride};
use super::rounded;
use crate::kernel::{Kernels, dot_f32_f32};

/// The largest value of a prepared query.
const MAX_VALUE: f32 = 32_767.0;
/// Rows that one call scores at most.
pub(crate) const MAX_ROWS_AT_ONCE: usize = 128;

/// A query in i16, with what makes scores of its products. Its memory serves one query after another.
#[derive(Clone, Debug)]
pub(crate) struct PreparedQuery {
    kernels: Kernels,
    values: Vec<i16>,
    scale: f32,
    /// `query · mean`.
    offset: f32,
    /// The query's length.
    norm: f32,
    /// The length of what rounding left of the query.
    rest: f32,
}

impl Default for PreparedQuery {
    fn default() -> Self {
        Self {
            kernels: Kernels::best(),
            values: Vec::new(),
            scale: 0.0,
            offset: 0.0,
            norm: 0.0,
            rest: 0.0,
        }
    }
}

impl PreparedQuery {
    /// Prepares a query of `codes.dim` values for these codes.
    pub(crate) fn prepare(&mut self, codes: &CodesView<'_>, query: &[f32]) {
        self.values.clear();
        self.values.resize(stride(codes.dim), 0);
        let largest = query.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        self.norm = dot_f32_f32(query, query).sqrt();
        self.offset = dot_f32_f32(query, codes.mean);
        // No sum is greater than the product of both lengths, and must fit i32 with something to spare.
        let room = 2.0e9 / (MAX_CODE * (codes.dim as f32).sqrt());
        let inverse = (MAX_VALUE / largest).min(room / self.norm);
        if !inverse.is_finite() {
            (self.scale, self.rest) = (0.0, self.norm);
            return;
        }
        self.scale = inverse.recip();
        let mut rest = 0.0;
        for (to, value) in self.values.iter_mut().zip(query) {
            let value = value * inverse;
            let rounded = rounded(value.clamp(-MAX_VALUE, MAX_VALUE));
            *to = rounded as i16;
            rest += (value - rounded as f32).powi(2);
        }
        self.rest = rest.sqrt() * self.scale;
    }

    /// The values that are multiplied with codes.
    pub(super) fn values(&self) -> &[i16] {
        &self.values
    }

    /// The score of a row with this scale and this product.
    #[inline]
    pub(super) fn score(&self, scale: f32, product: i32) -> f32 {
        self.offset + scale * (self.scale * product as f32)
    }

    /// The scores of the listed rows, in `scores` alone when it returns.
    pub(crate) fn score_listed(&self, codes: &CodesView<'_>, rows: &[u32], scores: &mut Vec<f32>) {
        scores.clear();
        for rows in rows.chunks(MAX_ROWS_AT_ONCE) {
            let mut products = [0; MAX_ROWS_AT_ONCE];
            self.kernels.listed(&self.values, codes.codes, rows, &mut products);
            let pairs = rows.iter().zip(products);
            scores.extend(pairs.map(|(row, product)| self.score(codes.scale(*row), product)));
        }
    }

    /// The scores of as many rows as `scores` has places, from row `first` on.
    pub(crate) fn score_in_order(&self, codes: &CodesView<'_>, first: usize, scores: &mut [f32]) {
        let stride = self.values.len();
        let mut first = first;
        for scores in scores.chunks_mut(MAX_ROWS_AT_ONCE) {
            let mut products = [0; MAX_ROWS_AT_ONCE];
            let rows = codes.codes.get(first * stride..).unwrap_or_default();
            let Some(places) = products.get_mut(..scores.len()) else {
                return;
            };
            self.kernels.in_order(&self.values, rows, places);
            let scales = codes.scales.get(first..).unwrap_or_default();
            for ((score, product), scale) in scores.iter_mut().zip(&products).zip(scales) {
                *score = self.score(*scale, *product);
            }
            first += scores.len();
        }
    }

    /// How many scales of a row its score may be from the product of `query` and the row in f32, whatever they are;
    /// apart from the rounding of f32 sums, which is [`PreparedQuery::slack`].
    pub(crate) fn width(&self, codes: &CodesView<'_>) -> f32 {
        // By Cauchy-Schwarz: the row's rest against the query, and the query's rest against the codes.
        self.norm * codes.error + self.rest * MAX_CODE * (codes.dim as f32).sqrt()
    }

    /// How many scales of a row its score is off by, as the standard deviation of what rounding leaves, which has
    /// no direction.
    pub(crate) fn deviation(&self, codes: &CodesView<'_>) -> f32 {
        self.norm * codes.error / (codes.dim as f32).sqrt()
    }

    /// How far the rounding of f32 sums may move a score, of the codes or exact.
    pub(crate) fn slack(&self, codes: &CodesView<'_>) -> f32 {
        (codes.dim as f32 / 8.0 + 64.0) * f32::EPSILON * (1.0 + self.norm)
    }
}
