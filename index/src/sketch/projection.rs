//! Learning the directions of sketches.

use half::f16;
use half::slice::HalfFloatSliceExt;
use nalgebra::{Cholesky, DMatrix, DVector, SymmetricEigen};

use super::WIDTH;
use crate::matrix::Matrix;

/// Rows, and training queries, that moments are taken of: about so many, evenly spread.
const SAMPLE: usize = 1 << 14;
/// The part of a query that may lie anywhere, so that no direction is without weight.
const ANYWHERE: f64 = 0.01;
/// A direction with a smaller part than this of the greatest variance tells nothing.
const NOTHING: f64 = 1e-9;
/// Sweeps after which the decomposition is given up; it needs a few a value.
const SWEEPS: usize = 100_000;

/// The directions of sketches.
pub(super) struct Projection {
    /// Of the rows.
    pub(super) mean: Vec<f32>,
    /// [`WIDTH`] directions for rows, `dim` values each: what a centred row's products with them are, varies by 1.
    pub(super) rows: Vec<f32>,
    /// As many for queries.
    pub(super) queries: Vec<f16>,
}

impl Projection {
    /// The directions for queries of which half are like the rows and half like `training`. None when moments are not
    /// finite or cannot be decomposed.
    pub(super) fn learn(matrix: &Matrix, training: &[f32]) -> Option<Self> {
        let dim = matrix.dim;
        let rows = sample(matrix.vectors.chunks_exact(dim), dim, |vector, to| {
            vector.convert_to_f32_slice(to);
        });
        let mean = rows.column_mean().cast::<f64>();
        let own = moments(&rows);
        let covariance = &own - &mean * mean.transpose();
        let mut looked_for = own;
        if training.len() >= dim {
            let training = sample(training.chunks_exact(dim), dim, |query, to| to.copy_from_slice(query));
            looked_for += moments(&training);
        }
        let anywhere = ANYWHERE * looked_for.trace() / dim as f64;
        for at in 0..dim {
            looked_for[(at, at)] += anywhere;
        }
        Self::of(&mean, &covariance, looked_for)
    }

    /// The directions for rows with this mean and covariance, and queries with these second moments.
    fn of(mean: &DVector<f64>, covariance: &DMatrix<f64>, looked_for: DMatrix<f64>) -> Option<Self> {
        let dim = mean.len();
        let root = Cholesky::new(looked_for)?.unpack();
        let seen = root.transpose() * covariance * &root;
        let eigen = SymmetricEigen::try_new(seen, f64::EPSILON, SWEEPS)?;
        let mut order: Vec<usize> = (0..dim).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let greatest = eigen.eigenvalues.max();
        if !greatest.is_finite() {
            return None;
        }
        let mut projection = Self {
            mean: mean.iter().map(|value| *value as f32).collect(),
            rows: vec![0.0; WIDTH * dim],
            queries: vec![f16::ZERO; WIDTH * dim],
        };
        let rows = projection.rows.chunks_exact_mut(dim);
        let places = rows.zip(projection.queries.chunks_exact_mut(dim));
        for (at, (row, query)) in order.into_iter().zip(places) {
            let variance = eigen.eigenvalues[at];
            if variance <= greatest * NOTHING {
                break;
            }
            let deviation = variance.sqrt();
            let direction = eigen.eigenvectors.column(at);
            let for_rows = &root * direction / deviation;
            let for_queries = root.tr_solve_lower_triangular(&direction)? * deviation;
            for (to, value) in row.iter_mut().zip(&for_rows) {
                *to = *value as f32;
            }
            for (to, value) in query.iter_mut().zip(&for_queries) {
                *to = f16::from_f64(*value);
            }
        }
        Some(projection)
    }
}

/// About [`SAMPLE`] of the vectors, evenly spread, one a column.
fn sample<'a, T: 'a>(
    vectors: impl ExactSizeIterator<Item = &'a [T]>,
    dim: usize,
    read: impl Fn(&[T], &mut [f32]),
) -> DMatrix<f32> {
    let step = super::step(vectors.len(), SAMPLE);
    let mut values = vec![0.0; vectors.len().div_ceil(step) * dim];
    for (to, vector) in values.chunks_exact_mut(dim).zip(vectors.step_by(step)) {
        read(vector, to);
    }
    DMatrix::from_vec(dim, values.len() / dim, values)
}

/// The mean of `x xᵀ` over the columns.
fn moments(columns: &DMatrix<f32>) -> DMatrix<f64> {
    let sums = columns * columns.transpose();
    sums.cast::<f64>() / columns.ncols().max(1) as f64
}
