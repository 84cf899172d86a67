use candle_core::{CpuStorage, CustomOp1, InplaceOp1, InplaceOp2, Layout, Result, Shape, bail};

use super::bias::{RowBias, RowBiasResidual};
use super::simd::{Kernel, dispatch, multiply_add};
use super::{rows_of, same_length, values, values_mut};

/// Partial sums of a row: enough that neither the additions' latency nor the rounding of one long sum matters.
const LANES: usize = 16;

/// Layer normalisation (Ba et al., 2016) into a new tensor: the input stays as the residual, as in transformers that
/// normalise before a layer.
pub(crate) struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

/// Layer normalisation of `x + bias`, in place; as a binary operation of `x + bias + residual`.
pub(crate) struct BiasNorm {
    bias: Vec<f32>,
    norm: Norm,
}

impl Norm {
    /// `scale` and `shift` after the normalisation, one a column; `epsilon` is added to the variance.
    pub(crate) fn new(scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Result<Self> {
        if scale.is_empty() || scale.len() != shift.len() {
            bail!("layer norm with {} scales and {} shifts", scale.len(), shift.len())
        }
        Ok(Self { scale, shift, epsilon })
    }
}

impl BiasNorm {
    /// `bias` before the normalisation, one a column; the rest as in [`Norm::new`].
    pub(crate) fn new(bias: Vec<f32>, scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Result<Self> {
        if scale.len() != bias.len() {
            bail!("layer norm of {} columns with {} scales", bias.len(), scale.len())
        }
        let norm = Norm::new(scale, shift, epsilon)?;
        Ok(Self { bias, norm })
    }
}

impl CustomOp1 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut normalised = values(storage, layout)?.to_vec();
        let rows = rows_of(&mut normalised, &self.scale)?;
        dispatch(RowNorm { rows, norm: self });
        Ok((CpuStorage::F32(normalised), layout.shape().clone()))
    }
}

impl InplaceOp1 for BiasNorm {
    fn name(&self) -> &'static str {
        "bias-norm"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(storage, layout)?, &self.bias)?;
        dispatch(RowBias { rows, bias: &self.bias });
        dispatch(RowNorm { rows, norm: &self.norm });
        Ok(())
    }
}

impl InplaceOp2 for BiasNorm {
    fn name(&self) -> &'static str {
        "bias-residual-norm"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(s1, l1)?, &self.bias)?;
        let residual = same_length(values(s2, l2)?, rows)?;
        dispatch(RowBiasResidual {
            rows,
            residual,
            bias: &self.bias,
        });
        dispatch(RowNorm { rows, norm: &self.norm });
        Ok(())
    }
}

struct RowNorm<'a> {
    rows: &'a mut [f32],
    norm: &'a Norm,
}

impl Kernel for RowNorm<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = self.norm.scale.len();
        for row in self.rows.chunks_exact_mut(width) {
            let mean = lane_sum(row, |value| value) / width as f32;
            let variance = lane_sum(row, |value| (value - mean) * (value - mean)) / width as f32;
            let factor = 1.0 / (variance + self.norm.epsilon).sqrt();
            for ((value, scale), shift) in row.iter_mut().zip(&self.norm.scale).zip(&self.norm.shift) {
                *value = multiply_add::<FMA>((*value - mean) * factor, *scale, *shift);
            }
        }
    }
}

/// Sum of `term` over `values`.
#[inline(always)]
fn lane_sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += term(*value);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| term(*value)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Tensor};

    use super::super::simd::run_portable;
    use super::super::testing::{flat, matrix, max_difference, noise, row};
    use super::*;

    const WIDTH: usize = 37;

    #[test]
    fn rows_are_normalised() -> Result<()> {
        let (x, residual) = (matrix(5, WIDTH, 6, 3.0)?, matrix(5, WIDTH, 7, 2.0)?);
        let (bias, scale, shift) = (noise(WIDTH, 8), noise(WIDTH, 9), noise(WIDTH, 10));
        let definition = |x: &Tensor| -> Result<Tensor> {
            let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
            let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
            centred
                .broadcast_div(&deviation)?
                .broadcast_mul(&row(&scale)?)?
                .broadcast_add(&row(&shift)?)
        };
        let biased = x.broadcast_add(&row(&bias)?)?;
        let (expected, with_residual) = (definition(&biased)?, definition(&(&biased + &residual)?)?);
        let op = BiasNorm::new(bias, scale.clone(), shift.clone(), 1e-12)?;
        let (alone, both) = (x.copy()?, x.copy()?);
        alone.inplace_op1(&op)?;
        both.inplace_op2(&residual, &op)?;
        assert!(max_difference(&flat(&alone)?, &flat(&expected)?) < 1e-5);
        assert!(max_difference(&flat(&both)?, &flat(&with_residual)?) < 1e-5);
        let bare = biased.apply_op1_no_bwd(&Norm::new(scale, shift, 1e-12)?)?;
        assert!(max_difference(&flat(&bare)?, &flat(&expected)?) < 1e-5);
        Ok(())
    }

    #[test]
    fn the_portable_code_agrees_with_the_dispatched() -> Result<()> {
        let norm = Norm::new(noise(WIDTH, 12), noise(WIDTH, 13), 1e-5)?;
        let mut portable = noise(5 * WIDTH, 14);
        let mut dispatched = portable.clone();
        run_portable(RowNorm {
            rows: &mut portable,
            norm: &norm,
        });
        dispatch(RowNorm {
            rows: &mut dispatched,
            norm: &norm,
        });
        assert!(max_difference(&portable, &dispatched) < 1e-5);
        Ok(())
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() -> Result<()> {
        assert!(BiasNorm::new(vec![0.0; 2], vec![0.0; 3], vec![0.0; 3], 0.0).is_err());
        assert!(Norm::new(vec![0.0; 3], vec![0.0; 2], 0.0).is_err());
        let norm = Norm::new(vec![0.0; WIDTH + 1], vec![0.0; WIDTH + 1], 0.0)?;
        assert!(matrix(5, WIDTH, 1, 1.0)?.apply_op1_no_bwd(&norm).is_err());
        Ok(())
    }
}
