//! The rows that go into a product, converted once to what its kernels multiply.

use std::ops::Range;

use super::choice::Kernels;
use super::dot::{Dot, Encoding, Work};
use super::error::{KernelError, same_size};
use super::layout::Precision;
use super::storage::{Aligned, LINE, bytes_of, numbers_mut};

/// Converted rows. The memory is used again for the next rows.
#[derive(Default)]
pub(crate) struct Activations {
    values: Aligned,
    /// One a row, where the values are integers.
    scales: Vec<f32>,
    /// A row before it is converted.
    row: Vec<f32>,
    encoding: Option<Encoding>,
    rows: usize,
    depth: usize,
    /// Bytes from row to row.
    stride: usize,
}

/// Some rows to multiply.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(super) values: &'a [u8],
    /// Bytes from row to row.
    pub(super) stride: usize,
    pub(super) scales: &'a [f32],
    pub(super) encoding: Option<Encoding>,
    pub(super) rows: usize,
    pub(super) depth: usize,
}

impl Activations {
    /// Converts `input`, rows of `depth` values, for products with matrices of these kernels and this precision.
    ///
    /// # Errors
    /// Where `input` is not whole rows.
    pub(crate) fn convert(
        &mut self,
        kernels: Kernels,
        precision: Precision,
        input: &[f32],
        depth: usize,
    ) -> Result<(), KernelError> {
        let rows = input.len().checked_div(depth).unwrap_or(0);
        same_size("values in rows", rows * depth, input.len())?;
        self.fill(kernels, precision, (rows, depth), Copied(input));
        Ok(())
    }

    /// All rows.
    pub(crate) fn all(&self) -> Rows<'_> {
        self.some(0..self.rows)
    }

    /// The rows of `range`, as far as there are.
    pub(crate) fn some(&self, range: Range<usize>) -> Rows<'_> {
        let end = range.end.min(self.rows);
        let start = range.start.min(end);
        Rows {
            values: self.values.bytes().get(start * self.stride..).unwrap_or_default(),
            stride: self.stride,
            scales: self.scales.get(start..end).unwrap_or_default(),
            encoding: self.encoding,
            rows: end - start,
            depth: self.depth,
        }
    }

    /// Converts the `rows` rows of `depth` values that `source` makes.
    pub(super) fn fill<S: RowSource>(
        &mut self,
        kernels: Kernels,
        precision: Precision,
        (rows, depth): (usize, usize),
        source: S,
    ) {
        (self.rows, self.depth) = (rows, depth);
        self.scales.resize(rows, 1.0);
        self.row.resize(depth, 0.0);
        kernels.run(precision, Fill { to: self, source });
    }
}

impl<'a> Rows<'a> {
    /// Rows of `depth` f32 values as they are, for matrices in [`Precision::F32`] alone.
    ///
    /// # Errors
    /// Where `values` is not whole rows.
    pub(crate) fn plain(values: &'a [f32], depth: usize) -> Result<Self, KernelError> {
        let rows = values.len().checked_div(depth).unwrap_or(0);
        same_size("values in rows", rows * depth, values.len())?;
        Ok(Self {
            values: bytes_of(values),
            stride: depth * size_of::<f32>(),
            scales: &[],
            encoding: Some(Encoding::F32),
            rows,
            depth,
        })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }
}

/// Where rows come from.
pub(super) trait RowSource {
    /// Writes row `index`. Must be `#[inline(always)]`.
    fn row<D: Dot>(&self, index: usize, to: &mut [f32]);
}

struct Copied<'a>(&'a [f32]);

impl RowSource for Copied<'_> {
    #[inline(always)]
    fn row<D: Dot>(&self, index: usize, to: &mut [f32]) {
        let depth = to.len();
        to.copy_from_slice(&self.0[index * depth..][..depth]);
    }
}

struct Fill<'a, S> {
    to: &'a mut Activations,
    source: S,
}

impl<S: RowSource> Work for Fill<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        let to = self.to;
        let padded = to.depth.next_multiple_of(D::STEP);
        let values = padded * size_of::<D::Input>();
        // An odd number of lines from row to row: the rows of a tile then lie in different sets of the L1 cache.
        to.stride = (values.div_ceil(LINE) | 1) * LINE;
        to.encoding = Some(D::ENCODING);
        to.values.grow(to.rows * to.stride);
        let rows = to.values.bytes_mut().chunks_exact_mut(to.stride);
        for (index, (bytes, scale)) in rows.zip(&mut to.scales).enumerate() {
            self.source.row::<D>(index, &mut to.row);
            let values = numbers_mut::<D::Input>(&mut bytes[..values]);
            *scale = D::encode(&to.row, values);
        }
    }
}
