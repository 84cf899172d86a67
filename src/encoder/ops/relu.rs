use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result};

use super::simd::{Kernel, dispatch};
use super::{rows_of, same_length, values, values_mut};

/// `relu(x + bias)` of each row of a matrix product, in place; as a binary operation `relu(x + bias + residual)`.
pub(crate) struct BiasRelu {
    bias: Vec<f32>,
}

impl BiasRelu {
    /// One bias a column.
    pub(crate) fn new(bias: Vec<f32>) -> Self {
        Self { bias }
    }
}

impl InplaceOp1 for BiasRelu {
    fn name(&self) -> &'static str {
        "bias-relu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(storage, layout)?, &self.bias)?;
        dispatch(RowRelu { rows, bias: &self.bias });
        Ok(())
    }
}

impl InplaceOp2 for BiasRelu {
    fn name(&self) -> &'static str {
        "bias-residual-relu"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(s1, l1)?, &self.bias)?;
        let residual = same_length(values(s2, l2)?, rows)?;
        dispatch(RowResidualRelu {
            rows,
            residual,
            bias: &self.bias,
        });
        Ok(())
    }
}

struct RowRelu<'a> {
    rows: &'a mut [f32],
    bias: &'a [f32],
}

impl Kernel for RowRelu<'_> {
    #[inline(always)]
    fn run(self) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                *value = (*value + bias).max(0.0);
            }
        }
    }
}

struct RowResidualRelu<'a> {
    rows: &'a mut [f32],
    residual: &'a [f32],
    bias: &'a [f32],
}

impl Kernel for RowResidualRelu<'_> {
    #[inline(always)]
    fn run(self) {
        let width = self.bias.len();
        for (row, residual) in self.rows.chunks_exact_mut(width).zip(self.residual.chunks_exact(width)) {
            for ((value, bias), residual) in row.iter_mut().zip(self.bias).zip(residual) {
                *value = (*value + bias + residual).max(0.0);
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
    fn equals_the_tensor_operations() -> Result<()> {
        let (x, residual, bias) = (matrix(5, WIDTH, 1, 1.0)?, matrix(5, WIDTH, 2, 1.0)?, noise(WIDTH, 3));
        let sum = x.broadcast_add(&row(&bias)?)?;
        let op = BiasRelu::new(bias);
        let (alone, both) = (x.copy()?, x.copy()?);
        alone.inplace_op1(&op)?;
        both.inplace_op2(&residual, &op)?;
        assert!(max_difference(&flat(&alone)?, &flat(&sum.relu()?)?) < 1e-6);
        assert!(max_difference(&flat(&both)?, &flat(&(sum + residual)?.relu()?)?) < 1e-6);
        Ok(())
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() -> Result<()> {
        let x = matrix(5, WIDTH, 1, 1.0)?;
        assert!(x.inplace_op1(&BiasRelu::new(vec![0.0; WIDTH + 1])).is_err());
        assert!(
            x.inplace_op2(&matrix(2, WIDTH, 1, 1.0)?, &BiasRelu::new(vec![0.0; WIDTH]))
                .is_err()
        );
        Ok(())
    }
}
