//! The rows that go into a product, converted once to what its kernels multiply.

use super::arrangement::Arrangement;
use super::choice::Kernels;
use super::dot::{Dot, Encoding, Work};
use super::error::{KernelError, same_size};
use super::layout::Precision;
use super::storage::{Aligned, Number, bytes_of, numbers, numbers_mut};

/// Converted rows. The memory is used again for the next rows.
#[derive(Default)]
pub(crate) struct Activations {
    values: Aligned,
    /// One a row, where the values are integers.
    scales: Vec<f32>,
    /// A row before it is converted.
    row: Vec<f32>,
    /// A converted row before its runs are put where they belong.
    converted: Aligned,
    encoding: Option<Encoding>,
    rows: usize,
    depth: usize,
    arrangement: Arrangement,
}

/// Rows to multiply.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(super) values: &'a [u8],
    pub(super) arrangement: Arrangement,
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

    /// The rows.
    pub(crate) fn all(&self) -> Rows<'_> {
        Rows {
            values: self.values.bytes(),
            arrangement: self.arrangement,
            scales: &self.scales,
            encoding: self.encoding,
            rows: self.rows,
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

    /// Makes room for `rows` rows of `depth` values, as products of these kernels in `precision` read them; gives the numbers
    /// and how they lie. Rows are to be filled up with zeros to whole steps.
    pub(super) fn room<T: Number>(
        &mut self,
        kernels: Kernels,
        precision: Precision,
        (rows, depth): (usize, usize),
    ) -> (&mut [T], Arrangement) {
        (self.rows, self.depth) = (rows, depth);
        kernels.run(precision, LayOut(self));
        (numbers_mut(self.values.bytes_mut()), self.arrangement)
    }

    #[inline(always)]
    fn lay_out<D: Dot>(&mut self) {
        self.arrangement = Arrangement::of::<D>(self.rows, self.depth);
        self.encoding = Some(D::ENCODING);
        self.values
            .grow(self.arrangement.size(self.rows) * size_of::<D::Input>());
    }
}

struct LayOut<'a>(&'a mut Activations);

impl Work for LayOut<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        self.0.lay_out::<D>();
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
            arrangement: Arrangement::plain(depth),
            scales: &[],
            encoding: Some(Encoding::F32),
            rows,
            depth,
        })
    }

    /// Copies the values of a row from `first` on, of rows as `D` reads them.
    #[inline(always)]
    pub(super) fn copy<D: Dot, T: Number>(&self, row: usize, first: usize, to: &mut [T]) {
        let values = numbers::<T>(self.values);
        self.arrangement.runs::<D>(row, (first, to.len()), |place, part| {
            to[part.clone()].copy_from_slice(&values[place..][..part.len()]);
        });
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
        to.lay_out::<D>();
        let (padded, arrangement) = (to.depth.next_multiple_of(D::STEP), to.arrangement);
        let converted = to.converted.numbers_mut::<D::Input>(padded);
        let values = numbers_mut::<D::Input>(to.values.bytes_mut());
        for (index, scale) in to.scales.iter_mut().enumerate() {
            self.source.row::<D>(index, &mut to.row);
            *scale = arrangement.encode::<D>(index, &to.row, values, converted);
        }
    }
}
