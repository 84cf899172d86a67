use std::f32::consts::FRAC_1_SQRT_2;

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result, bail};

use super::simd::{Kernel, dispatch, multiply_add};
use super::{values, values_mut};

/// Partial sums of a row: enough that neither the additions' latency nor the rounding of one long sum matters.
const LANES: usize = 16;

/// Adds a bias to each row of a matrix product, in place; as a binary operation adds a residual of the same shape too.
pub(crate) struct AddBias {
    bias: Vec<f32>,
}

/// `gelu(x + bias)` in place with the exact, erf form of the activation (Hendrycks and Gimpel, 2016).
pub(crate) struct BiasGelu {
    bias: Vec<f32>,
}

/// Layer normalisation (Ba et al., 2016) of `x + bias`, in place; as a binary operation of `x + bias + residual`.
pub(crate) struct BiasNorm {
    bias: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl AddBias {
    /// One bias a column.
    pub(crate) fn new(bias: Vec<f32>) -> Self {
        Self { bias }
    }
}

impl BiasGelu {
    /// One bias a column.
    pub(crate) fn new(bias: Vec<f32>) -> Self {
        Self { bias }
    }
}

impl BiasNorm {
    /// `bias` before, `scale` and `shift` after the normalisation, one a column; `epsilon` is added to the variance.
    pub(crate) fn new(bias: Vec<f32>, scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Result<Self> {
        if scale.len() != bias.len() || shift.len() != bias.len() {
            bail!(
                "layer norm of {} columns with {} scales and {} shifts",
                bias.len(),
                scale.len(),
                shift.len()
            )
        }
        Ok(Self {
            bias,
            scale,
            shift,
            epsilon,
        })
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

impl InplaceOp1 for BiasGelu {
    fn name(&self) -> &'static str {
        "bias-gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(storage, layout)?, &self.bias)?;
        dispatch(RowGelu { rows, bias: &self.bias });
        Ok(())
    }
}

impl InplaceOp1 for BiasNorm {
    fn name(&self) -> &'static str {
        "bias-norm"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(storage, layout)?, &self.bias)?;
        dispatch(RowBias { rows, bias: &self.bias });
        dispatch(RowNorm { rows, norm: self });
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
        dispatch(RowNorm { rows, norm: self });
        Ok(())
    }
}

/// Passes on `values` where they are whole rows as wide as `bias`.
fn rows_of<'a>(values: &'a mut [f32], bias: &[f32]) -> Result<&'a mut [f32]> {
    if bias.is_empty() || !values.len().is_multiple_of(bias.len()) {
        bail!("{} values are not rows of {} columns", values.len(), bias.len())
    }
    Ok(values)
}

/// Passes on `values` where they are as many as `rows` holds.
fn same_length<'a>(values: &'a [f32], rows: &[f32]) -> Result<&'a [f32]> {
    if values.len() != rows.len() {
        bail!("a residual of {} values for {}", values.len(), rows.len())
    }
    Ok(values)
}

struct RowBias<'a> {
    rows: &'a mut [f32],
    bias: &'a [f32],
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

struct RowBiasResidual<'a> {
    rows: &'a mut [f32],
    residual: &'a [f32],
    bias: &'a [f32],
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

struct RowGelu<'a> {
    rows: &'a mut [f32],
    bias: &'a [f32],
}

impl Kernel for RowGelu<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                let x = *value + bias;
                *value = 0.5 * x * (1.0 + erf::<FMA>(x * FRAC_1_SQRT_2));
            }
        }
    }
}

struct RowNorm<'a> {
    rows: &'a mut [f32],
    norm: &'a BiasNorm,
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

/// The error function to within 5e-7: the rational approximation of Eigen and XLA, which needs no branch and no
/// exponential, so that it runs on whole registers.
#[inline(always)]
#[allow(clippy::excessive_precision)]
fn erf<const FMA: bool>(x: f32) -> f32 {
    const NUMERATOR: [f32; 7] = [
        -2.726_142_258_013_06e-10,
        2.770_681_424_959_02e-8,
        -2.101_024_020_825_08e-6,
        -5.692_506_394_623_46e-5,
        -7.349_906_303_268_55e-4,
        -2.954_599_808_540_25e-3,
        -1.609_603_332_624_15e-2,
    ];
    const DENOMINATOR: [f32; 5] = [
        -1.456_607_184_649_96e-5,
        -2.133_740_552_789_05e-4,
        -1.682_826_974_382_03e-3,
        -7.373_329_167_204_68e-3,
        -1.426_473_905_141_89e-2,
    ];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let polynomial = |coefficients: &[f32]| {
        coefficients
            .iter()
            .fold(0.0, |sum, coefficient| multiply_add::<FMA>(sum, square, *coefficient))
    };
    x * polynomial(&NUMERATOR) / polynomial(&DENOMINATOR)
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device, Tensor};

    use super::super::simd::run_portable;
    use super::super::testing::{max_difference, noise};
    use super::*;

    const ROWS: usize = 5;
    const WIDTH: usize = 37;

    fn matrix(seed: u64, scale: f64) -> Result<Tensor> {
        Tensor::from_vec(noise(ROWS * WIDTH, seed), (ROWS, WIDTH), &Device::Cpu)? * scale
    }

    fn row(values: &[f32]) -> Result<Tensor> {
        Tensor::new(values, &Device::Cpu)
    }

    fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
        tensor.flatten_all()?.to_vec1()
    }

    #[test]
    fn bias_and_residual_are_added() -> Result<()> {
        let (x, residual, bias) = (matrix(1, 1.0)?, matrix(2, 1.0)?, noise(WIDTH, 3));
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
    fn gelu_is_the_exact_one_over_the_whole_range() -> Result<()> {
        let (x, bias) = (matrix(4, 9.0)?, noise(WIDTH, 5));
        let expected = x.broadcast_add(&row(&bias)?)?.gelu_erf()?;
        x.inplace_op1(&BiasGelu::new(bias))?;
        assert!(max_difference(&flat(&x)?, &flat(&expected)?) < 2e-6);
        Ok(())
    }

    #[test]
    fn erf_is_within_its_bound() {
        for step in -6000..=6000i16 {
            let x = f32::from(step) / 1000.0;
            let exact = candle_core::cpu::erf::erf_f64(f64::from(x));
            let (fused, plain) = (f64::from(erf::<true>(x)), f64::from(erf::<false>(x)));
            assert!(
                (fused - exact).abs() < 5e-7 && (plain - exact).abs() < 5e-7,
                "{x}: {fused} {plain} {exact}"
            );
        }
    }

    #[test]
    fn rows_are_normalised() -> Result<()> {
        let (x, residual) = (matrix(6, 3.0)?, matrix(7, 2.0)?);
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
        Ok(())
    }

    #[test]
    fn the_portable_code_agrees_with_the_dispatched() -> Result<()> {
        let bias = noise(WIDTH, 11);
        let norm = BiasNorm::new(bias.clone(), noise(WIDTH, 12), noise(WIDTH, 13), 1e-5)?;
        let mut portable: Vec<f32> = noise(ROWS * WIDTH, 14).iter().map(|v| v * 5.0).collect();
        let mut dispatched = portable.clone();
        run_portable(RowGelu {
            rows: &mut portable,
            bias: &bias,
        });
        run_portable(RowNorm {
            rows: &mut portable,
            norm: &norm,
        });
        dispatch(RowGelu {
            rows: &mut dispatched,
            bias: &bias,
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
        let x = matrix(1, 1.0)?;
        assert!(x.inplace_op1(&AddBias::new(vec![0.0; WIDTH + 1])).is_err());
        assert!(x.inplace_op1(&AddBias::new(Vec::new())).is_err());
        assert!(
            x.inplace_op2(&x.narrow(0, 0, 2)?.copy()?, &AddBias::new(vec![0.0; WIDTH]))
                .is_err()
        );
        assert!(BiasNorm::new(vec![0.0; 2], vec![0.0; 3], vec![0.0; 2], 0.0).is_err());
        Ok(())
    }
}
