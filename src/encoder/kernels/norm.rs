//! Layer normalisation of rows.

#![allow(unsafe_code, reason = "loads and stores of whole registers")]

use super::activations::{Activations, RowSource};
use super::choice::Kernels;
use super::dot::{Dot, Work};
use super::error::{KernelError, same_size};
use super::lanes::Lanes;
use super::layout::Precision;

/// Layer normalisation (Ba et al., 2016).
pub(crate) struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    /// `scale` and `shift` after the normalisation, one a column; `epsilon` is added to the variance.
    ///
    /// # Errors
    /// Where there are no columns, or not as many shifts as scales.
    pub(crate) fn new(scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Result<Self, KernelError> {
        same_size("shifts of a layer norm", scale.len().max(1), shift.len())?;
        Ok(Self { scale, shift, epsilon })
    }

    /// Values of a row.
    pub(crate) fn width(&self) -> usize {
        self.scale.len()
    }

    /// Writes the normalised rows of `input` to `output`.
    ///
    /// # Errors
    /// Where `input` is not whole rows, or `output` not as long.
    pub(crate) fn apply(&self, kernels: Kernels, input: &[f32], output: &mut [f32]) -> Result<(), KernelError> {
        self.rows(input)?;
        same_size("values of normalised rows", input.len(), output.len())?;
        kernels.run(
            Precision::F32,
            Apply {
                norm: self,
                input,
                output,
            },
        );
        Ok(())
    }

    fn rows(&self, input: &[f32]) -> Result<usize, KernelError> {
        let rows = input.len() / self.width();
        same_size("values in rows of a layer norm", rows * self.width(), input.len())?;
        Ok(rows)
    }

    #[inline(always)]
    fn row<L: Lanes>(&self, row: &[f32], to: &mut [f32]) {
        let width = L::splat(row.len() as f32);
        let mean = L::splat(total::<L, Itself>(row, L::splat(0.0))) / width;
        let variance = L::splat(total::<L, Deviation>(row, mean)) / width;
        let factor = L::splat(1.0) / (variance + L::splat(self.epsilon)).square_root();
        let whole = row.len() - row.len() % L::COUNT;
        let [row, to] = [row.as_ptr(), to[..row.len()].as_mut_ptr().cast_const()];
        let (scale, shift) = (self.scale.as_ptr(), self.shift.as_ptr());
        let left = self.scale.len() - whole;
        // SAFETY: all four slices have the same length, and as many values are read and written as there are.
        unsafe {
            for at in (0..whole).step_by(L::COUNT) {
                let normal = (L::load(row.add(at)) - mean) * factor;
                normal
                    .mul_add(L::load(scale.add(at)), L::load(shift.add(at)))
                    .store(to.add(at).cast_mut());
            }
            if left > 0 {
                let normal = (L::load_first(row.add(whole), left) - mean) * factor;
                let (scale, shift) = (
                    L::load_first(scale.add(whole), left),
                    L::load_first(shift.add(whole), left),
                );
                normal.mul_add(scale, shift).store_first(to.add(whole).cast_mut(), left);
            }
        }
    }
}

impl Activations {
    /// Converts the normalised rows of `input` for products with matrices of these kernels and this precision.
    ///
    /// # Errors
    /// Where `input` is not whole rows.
    pub(crate) fn norm(
        &mut self,
        kernels: Kernels,
        precision: Precision,
        norm: &Norm,
        input: &[f32],
    ) -> Result<(), KernelError> {
        let rows = norm.rows(input)?;
        self.fill(kernels, precision, (rows, norm.width()), Normalised { norm, input });
        Ok(())
    }
}

struct Normalised<'a> {
    norm: &'a Norm,
    input: &'a [f32],
}

impl RowSource for Normalised<'_> {
    #[inline(always)]
    fn row<D: Dot>(&self, index: usize, to: &mut [f32]) {
        let width = self.norm.width();
        self.norm.row::<D::Lanes>(&self.input[index * width..][..width], to);
    }
}

struct Apply<'a> {
    norm: &'a Norm,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Work for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        let width = self.norm.width();
        for (row, to) in self.input.chunks_exact(width).zip(self.output.chunks_exact_mut(width)) {
            self.norm.row::<D::Lanes>(row, to);
        }
    }
}

/// What is summed of the values of a row.
trait Term {
    fn of<L: Lanes>(value: L, mean: L) -> L;
}

struct Itself;
struct Deviation;

impl Term for Itself {
    #[inline(always)]
    fn of<L: Lanes>(value: L, _: L) -> L {
        value
    }
}

impl Term for Deviation {
    #[inline(always)]
    fn of<L: Lanes>(value: L, mean: L) -> L {
        let difference = value - mean;
        difference * difference
    }
}

/// The sum of the terms of a row. Two sums, since one would wait for each addition.
#[inline(always)]
fn total<L: Lanes, T: Term>(row: &[f32], mean: L) -> f32 {
    let mut sums = [L::splat(0.0); 2];
    let mut pairs = row.chunks_exact(2 * L::COUNT);
    for pair in &mut pairs {
        // SAFETY: a pair holds two registers.
        let (first, second) = unsafe { (L::load(pair.as_ptr()), L::load(pair.as_ptr().add(L::COUNT))) };
        sums = [sums[0] + T::of(first, mean), sums[1] + T::of(second, mean)];
    }
    for part in pairs.remainder().chunks(L::COUNT) {
        // SAFETY: as many values are read as there are.
        let values = unsafe { L::load_first(part.as_ptr(), part.len()) };
        sums[0] = sums[0] + T::of(values, mean).first_or(part.len(), L::splat(0.0));
    }
    (sums[0] + sums[1]).sum()
}

#[cfg(test)]
#[path = "tests/norm.rs"]
mod tests;
