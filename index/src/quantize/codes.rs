//! The codes of a matrix, in memory or wherever a segment lies.

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::MmapMut;
use rayon::prelude::*;

use super::rounded;
use crate::error::{IndexError, Result};
use crate::kernel::{Kernels, LINE, dot_f32_f32};
use crate::matrix::Matrix;

/// The largest code.
pub(crate) const MAX_CODE: f32 = 127.0;
/// The mean is taken of about this many rows, evenly spread.
const MEAN_ROWS: usize = 1 << 16;
/// Rows that one task codes.
const CHUNK: usize = 1024;

/// Codes in a row of `dim` values: a multiple of [`LINE`], zeros after the last value.
pub(crate) fn stride(dim: usize) -> usize {
    dim.next_multiple_of(LINE)
}

/// The codes of all rows of a matrix.
pub(crate) struct Codes {
    dim: usize,
    rows: usize,
    /// Begins at a page; `i8`, row after row.
    codes: MmapMut,
    scales: Vec<f32>,
    /// The mean's part in the product of two rows: `mean · (x - mean) + mean · mean / 2`.
    biases: Vec<f32>,
    mean: Vec<f32>,
    error: f32,
}

impl Codes {
    /// Codes every row, in the present thread pool. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// [`IndexError::Graph`] when there is no memory for them.
    pub(crate) fn new(matrix: &Matrix) -> Result<Self> {
        let (rows, dim) = (matrix.ids.len(), matrix.dim.max(1));
        let stride = stride(dim);
        let mut codes = memory(rows, stride)?;
        let mut factors = vec![Factors::default(); rows];
        let mean = mean(matrix);
        let half_square = dot_f32_f32(&mean, &mean) / 2.0;
        bytemuck::cast_slice_mut::<u8, i8>(&mut codes)
            .par_chunks_mut(CHUNK * stride)
            .zip(factors.par_chunks_mut(CHUNK))
            .zip(matrix.vectors.par_chunks(CHUNK * dim))
            .for_each(|((codes, factors), vectors)| {
                let mut centred = vec![0.0; dim];
                let rows = codes.chunks_exact_mut(stride).zip(vectors.chunks_exact(dim));
                for ((codes, vector), factors) in rows.zip(factors) {
                    *factors = encode(vector, &mean, &mut centred, codes);
                }
            });
        let ratio = factors.iter().map(|factors| factors.error).fold(0.0, f32::max);
        Ok(Self {
            dim,
            rows,
            codes,
            scales: factors.iter().map(|factors| factors.scale).collect(),
            biases: factors.iter().map(|factors| factors.mean_part + half_square).collect(),
            mean,
            error: ratio,
        })
    }

    pub(crate) fn view(&self) -> CodesView<'_> {
        CodesView {
            dim: self.dim,
            codes: &bytemuck::cast_slice(&self.codes)[..self.rows * stride(self.dim)],
            scales: &self.scales,
            mean: &self.mean,
            error: self.error,
        }
    }

    /// The similarity of two rows, -1 to 1, but for what rounding left; 0 for a row that is not there.
    pub(crate) fn similarity(&self, a: u32, b: u32) -> f32 {
        let view = self.view();
        let (Some(first), Some(second)) = (view.row(a), view.row(b)) else {
            return 0.0;
        };
        let factor = |values: &[f32], row: u32| values.get(row as usize).copied().unwrap_or_default();
        let biases = factor(&self.biases, a) + factor(&self.biases, b);
        let scales = factor(&self.scales, a) * factor(&self.scales, b);
        biases + scales * Kernels::best().pair(first, second) as f32
    }
}

/// Codes wherever they lie. Nothing in them is trusted: a wrong value gives a wrong score, and a row that is not there
/// is scored as if it were of zeros.
#[derive(Clone, Copy)]
pub(crate) struct CodesView<'a> {
    pub(crate) dim: usize,
    /// `stride(dim)` for each row.
    pub(crate) codes: &'a [i8],
    /// One for each row.
    pub(crate) scales: &'a [f32],
    /// `dim` values.
    pub(crate) mean: &'a [f32],
    /// No row's rest is longer than this many times its scale.
    pub(crate) error: f32,
}

impl<'a> CodesView<'a> {
    pub(crate) fn rows(&self) -> usize {
        self.scales.len()
    }

    /// What one in a row's codes stands for; 0 for a row that is not there.
    pub(crate) fn scale(&self, row: u32) -> f32 {
        self.scales.get(row as usize).copied().unwrap_or_default()
    }

    /// The codes of a row.
    pub(crate) fn row(&self, row: u32) -> Option<&'a [i8]> {
        let stride = stride(self.dim);
        let start = (row as usize).checked_mul(stride)?;
        self.codes.get(start..start.checked_add(stride)?)
    }
}

/// Zeros for `rows` rows of `stride` bytes, in large pages where the system has them.
///
/// # Errors
/// [`IndexError::Graph`] when there is no memory for them.
pub(crate) fn memory(rows: usize, stride: usize) -> Result<MmapMut> {
    let none = |reason: String| IndexError::Graph {
        reason: format!("no memory for the codes of {rows} vectors: {reason}; free some, or index fewer"),
    };
    let bytes = rows.checked_mul(stride).ok_or_else(|| none("too many".to_owned()))?;
    let map = MmapMut::map_anon(bytes.max(1)).map_err(|error| none(error.to_string()))?;
    // Where it is refused, only speed is lost.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok(map)
}

/// The mean of the rows, or of some that are evenly spread.
fn mean(matrix: &Matrix) -> Vec<f32> {
    let dim = matrix.dim.max(1);
    let step = matrix.ids.len().div_ceil(MEAN_ROWS).max(1);
    let mut sums = vec![0.0f64; dim];
    let mut wide = vec![0.0f32; dim];
    let mut count = 0u32;
    for vector in matrix.vectors.chunks_exact(dim).step_by(step) {
        vector.convert_to_f32_slice(&mut wide);
        // One damaged vector must not take the codes of all others along.
        for (sum, value) in sums.iter_mut().zip(&wide).filter(|(_, value)| value.is_finite()) {
            *sum += f64::from(*value);
        }
        count += 1;
    }
    sums.iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect()
}

/// What is kept of a row beside its codes.
#[derive(Clone, Copy, Default)]
struct Factors {
    scale: f32,
    /// `mean · (x - mean)`.
    mean_part: f32,
    /// The length of the rest, in scales.
    error: f32,
}

/// Codes one vector; `centred` is scratch of its length.
fn encode(vector: &[f16], mean: &[f32], centred: &mut [f32], codes: &mut [i8]) -> Factors {
    vector.convert_to_f32_slice(centred);
    let mut largest = 0.0f32;
    for (value, mean) in centred.iter_mut().zip(mean) {
        *value -= mean;
        largest = largest.max(value.abs());
    }
    let scale = largest / MAX_CODE;
    if !(f32::MIN_POSITIVE..f32::INFINITY).contains(&scale) {
        return Factors::default();
    }
    let (inverse, mut rest) = (scale.recip(), 0.0);
    for (code, value) in codes.iter_mut().zip(&*centred) {
        let value = value * inverse;
        let rounded = rounded(value.clamp(-MAX_CODE, MAX_CODE));
        *code = rounded as i8;
        rest += (value - rounded as f32).powi(2);
    }
    Factors {
        scale,
        mean_part: dot_f32_f32(mean, centred),
        error: rest.sqrt(),
    }
}
