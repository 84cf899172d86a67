//! Several queries, prepared for products with the same codes.

use super::codes::{CodesView, stride};
use super::query::{MAX_ROWS_AT_ONCE, PreparedQuery};
use crate::kernel::{Kernels, SEVERAL};

/// Queries that are multiplied with rows together.
pub(crate) struct PreparedQueries {
    queries: Vec<PreparedQuery>,
    /// The values of all queries, filled up with zeros to a multiple of [`SEVERAL`].
    values: Vec<i16>,
}

impl PreparedQueries {
    /// Prepares queries of `codes.dim` values for these codes.
    pub(crate) fn new(codes: &CodesView<'_>, queries: &[&[f32]]) -> Self {
        let prepare = |query: &&[f32]| {
            let mut prepared = PreparedQuery::default();
            prepared.prepare(codes, query);
            prepared
        };
        let prepared: Vec<PreparedQuery> = queries.iter().map(prepare).collect();
        let length = prepared.len().next_multiple_of(SEVERAL) * stride(codes.dim);
        let mut values = Vec::with_capacity(length);
        values.extend(prepared.iter().flat_map(PreparedQuery::values));
        values.resize(length, 0);
        Self {
            queries: prepared,
            values,
        }
    }

    /// Each of the queries.
    pub(crate) fn each(&self) -> &[PreparedQuery] {
        &self.queries
    }

    /// The scores of at most [`MAX_ROWS_AT_ONCE`] rows, whose scales are given: in `scores` alone when it returns,
    /// those of one query after those of another.
    pub(crate) fn score_listed(&self, codes: &CodesView<'_>, rows: &[u32], scales: &[f32], scores: &mut Vec<f32>) {
        scores.clear();
        let mut products = [0; SEVERAL * MAX_ROWS_AT_ONCE];
        let Some(products) = products.get_mut(..SEVERAL * rows.len()) else {
            return;
        };
        let several = self.values.chunks_exact(SEVERAL * stride(codes.dim.max(1)));
        for (values, queries) in several.zip(self.queries.chunks(SEVERAL)) {
            Kernels::best().several(values, codes.codes, rows, products);
            for (query, products) in queries.iter().zip(products.chunks(rows.len().max(1))) {
                let pairs = products.iter().zip(scales);
                scores.extend(pairs.map(|(product, scale)| query.score(*scale, *product)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::Codes;
    use crate::testing::{Noise, unit, unit_rows};

    #[test]
    fn scores_are_those_of_each_query_alone() {
        let codes = Codes::new(&unit_rows(40, 70, 1.0, 1)).unwrap();
        let codes = codes.view();
        let rows = [3, 39, 40, 0, 3, u32::MAX, 17];
        let scales = rows.map(|row| codes.scale(row));
        let mut noise = Noise::new(2);
        for count in [0, 1, SEVERAL, 2 * SEVERAL + 3] {
            let queries: Vec<_> = (0..count).map(|_| unit(noise.values(70))).collect();
            let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
            let (mut together, mut alone, mut one) = (Vec::new(), Vec::new(), Vec::new());
            let prepared = PreparedQueries::new(&codes, &queries);
            prepared.score_listed(&codes, &rows, &scales, &mut together);
            for query in prepared.each() {
                query.score_listed(&codes, &rows, &mut one);
                alone.append(&mut one);
            }
            assert_eq!(together, alone, "{count}");
        }
    }
}
