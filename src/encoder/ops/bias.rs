use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result};

use super::simd::{Kernel, dispatch};
use super::{rows_of, same_length, values, values_mut};

/// Adds a bias to each row of a matrix product, in place; as a binary operation adds a residual of the same shape too.
pub(crate) struct AddBias {
    bias: Vec<f32>,
}

impl AddBias {
    /// One bias a column.
    pub(crate) fn new(bias: Vec<f32>) -> Self {
        Self { bias }
    }
}

impl InplaceOp1 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(storage, layout)?, &self.bias)?;
        dispatch(RowBias { rows, bias: &self.bias });
        Ok(())
    }
}

impl InplaceOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias-residual"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(s1, l1)?, &self.bias)?;
        let residual = same_length(values(s2, l2)?, rows)?;
        dispatch(RowBiasResidual {
            rows,
            residual,
            bias: &self.bias,
        });
        Ok(())
    }
}

/// Adds a bias to each row.
pub(super) struct RowBias<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) bias: &'a [f32],
}

impl Kernel for RowBias<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                *value += bias;
            }
        }
    }
}

/// Adds a bias to each row, and a residual.
pub(super) struct RowBiasResidual<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) residual: &'a [f32],
    pub(super) bias: &'a [f32],
}

impl Kernel for RowBiasResidual<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = self.bias.len();
        for (row, residual) in self.rows.chunks_exact_mut(width).zip(self.residual.chunks_exact(width)) {
            for ((value, bias), residual) in row.iter_mut().zip(self.bias).zip(residual) {
                *value += bias + residual;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flat, matrix, max_difference, noise, row};
    use super::*;

    const WIDTH: usize = 37;

    #[test]
    fn bias_and_residual_are_added() -> Result<()> {
        let (x, residual, bias) = (matrix(5, WIDTH, 1, 1.0)?, matrix(5, WIDTH, 2, 1.0)?, noise(WIDTH, 3));
        let expected = x.broadcast_add(&row(&bias)?)?;
        let with_residual = (&expected + &residual)?;
        let op = AddBias::new(bias);
        let (alone, both) = (x.copy()?, x.copy()?);
        alone.inplace_op1(&op)?;
        both.inplace_op2(&residual, &op)?;
        assert!(max_difference(&flat(&alone)?, &flat(&expected)?) < 1e-6);
        assert!(max_difference(&flat(&both)?, &flat(&with_residual)?) < 1e-6);
        Ok(())
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() -> Result<()> {
        let x = matrix(5, WIDTH, 1, 1.0)?;
        assert!(x.inplace_op1(&AddBias::new(vec![0.0; WIDTH + 1])).is_err());
        assert!(x.inplace_op1(&AddBias::new(Vec::new())).is_err());
        assert!(
            x.inplace_op2(&x.narrow(0, 0, 2)?.copy()?, &AddBias::new(vec![0.0; WIDTH]))
                .is_err()
        );
        Ok(())
    }
}
