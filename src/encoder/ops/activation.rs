use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use candle_core::{CpuStorage, InplaceOp1, Layout, Result};
use serde::Deserialize;

use super::math::{erf, exp};
use super::simd::{Kernel, dispatch};
use super::{rows_of, values_mut};

/// The activation between the two products of a transformer's feed-forward network, named as in config.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Activation {
    /// `x * P(X <= x)` of a standard normal X (Hendrycks and Gimpel, 2016), by the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// The same authors' approximation by a hyperbolic tangent.
    #[serde(rename = "gelu_pytorch_tanh", alias = "gelu_new")]
    TanhGelu,
    /// The same authors' approximation `x * sigmoid(1.702 x)`, which OpenAI trained CLIP with.
    #[serde(rename = "quick_gelu")]
    QuickGelu,
}

/// `activation(x + bias)` in place.
pub(crate) struct BiasActivation {
    bias: Vec<f32>,
    activation: Activation,
}

impl BiasActivation {
    /// One bias a column.
    pub(crate) fn new(bias: Vec<f32>, activation: Activation) -> Self {
        Self { bias, activation }
    }
}

impl InplaceOp1 for BiasActivation {
    fn name(&self) -> &'static str {
        "bias-activation"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let rows = rows_of(values_mut(storage, layout)?, &self.bias)?;
        dispatch(RowActivation { rows, op: self });
        Ok(())
    }
}

struct RowActivation<'a> {
    rows: &'a mut [f32],
    op: &'a BiasActivation,
}

impl Kernel for RowActivation<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.op.activation {
            Activation::Gelu => self.apply(|x| 0.5 * x * (1.0 + erf::<FMA>(x * FRAC_1_SQRT_2))),
            // 0.5 (1 + tanh u) is sigmoid(2u), where u = sqrt(2 / pi) (x + 0.044715 x^3).
            Activation::TanhGelu => {
                let factor = -2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
                self.apply(|x| x / (1.0 + exp::<FMA>(factor * (x + 0.044_715 * x * x * x))));
            }
            Activation::QuickGelu => self.apply(|x| x / (1.0 + exp::<FMA>(-1.702 * x))),
        }
    }
}

impl RowActivation<'_> {
    #[inline(always)]
    fn apply(self, activation: impl Fn(f32) -> f32) {
        for row in self.rows.chunks_exact_mut(self.op.bias.len()) {
            for (value, bias) in row.iter_mut().zip(&self.op.bias) {
                *value = activation(*value + bias);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::super::simd::run_portable;
    use super::super::testing::{flat, matrix, max_difference, noise, row};
    use super::*;

    const WIDTH: usize = 37;
    const ALL: [Activation; 3] = [Activation::Gelu, Activation::TanhGelu, Activation::QuickGelu];

    fn definition(x: &Tensor, activation: Activation) -> Result<Tensor> {
        match activation {
            Activation::Gelu => x.gelu_erf(),
            Activation::TanhGelu => x.gelu(),
            Activation::QuickGelu => x / ((x * -1.702)?.exp()? + 1.0)?,
        }
    }

    #[test]
    fn each_is_as_defined_over_the_whole_range() -> Result<()> {
        for activation in ALL {
            let (x, bias) = (matrix(50, WIDTH, 4, 30.0)?, noise(WIDTH, 5));
            let expected = definition(&x.broadcast_add(&row(&bias)?)?, activation)?;
            x.inplace_op1(&BiasActivation::new(bias, activation))?;
            let difference = max_difference(&flat(&x)?, &flat(&expected)?);
            assert!(difference < 5e-6, "{activation:?}: {difference}");
        }
        Ok(())
    }

    #[test]
    fn the_portable_code_agrees_with_the_dispatched() {
        for activation in ALL {
            let op = BiasActivation::new(noise(WIDTH, 11), activation);
            let mut portable: Vec<f32> = noise(5 * WIDTH, 14).iter().map(|v| v * 5.0).collect();
            let mut dispatched = portable.clone();
            run_portable(RowActivation {
                rows: &mut portable,
                op: &op,
            });
            dispatch(RowActivation {
                rows: &mut dispatched,
                op: &op,
            });
            assert!(max_difference(&portable, &dispatched) < 1e-5, "{activation:?}");
        }
    }
}
