use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::simd::{Kernel, dispatch};
use super::values;

/// Mean over the rows of `relu6(x + bias)`: the last activation of a convolutional network and its global average pool.
///
/// Input `[positions, channels]`, at least one position; output `[1, channels]`.
///
/// candle's own elementwise operations would send a map of this size to a pool of spinning threads, of which there is
/// one for the process, so that images embedded side by side would wait for one another.
pub(crate) struct MeanRelu6 {
    bias: Vec<f32>,
}

impl MeanRelu6 {
    /// One bias a channel.
    pub(crate) fn new(bias: Vec<f32>) -> Self {
        Self { bias }
    }
}

impl CustomOp1 for MeanRelu6 {
    fn name(&self) -> &'static str {
        "mean-relu6"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (positions, channels) = layout.shape().dims2()?;
        if positions == 0 || channels == 0 || channels != self.bias.len() {
            bail!("the mean of {} channels of {:?}", self.bias.len(), layout.shape())
        }
        let mut mean = vec![0.0; channels];
        dispatch(RowMean {
            input,
            bias: &self.bias,
            mean: &mut mean,
        });
        Ok((CpuStorage::F32(mean), (1, channels).into()))
    }
}

struct RowMean<'a> {
    input: &'a [f32],
    bias: &'a [f32],
    mean: &'a mut [f32],
}

impl Kernel for RowMean<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.input.chunks_exact(self.bias.len());
        let share = 1.0 / rows.len() as f32;
        for row in rows {
            for ((mean, value), bias) in self.mean.iter_mut().zip(row).zip(self.bias) {
                *mean += (value + bias).clamp(0.0, 6.0) * share;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::simd::run_portable;
    use super::super::testing::{max_difference, noise};
    use super::*;

    #[test]
    fn equals_the_tensor_operations() -> Result<()> {
        let (input, bias) = (noise(7 * 19, 1), noise(19, 2));
        let wide = (Tensor::from_vec(input, (7, 19), &Device::Cpu)? * 9.0)?;
        let expected = wide
            .broadcast_add(&Tensor::new(bias.as_slice(), &Device::Cpu)?)?
            .clamp(0f32, 6f32)?
            .mean_keepdim(0)?;
        let pooled = wide.apply_op1_no_bwd(&MeanRelu6::new(bias.clone()))?;
        assert_eq!(pooled.dims(), [1, 19]);
        let (pooled, expected) = (pooled.flatten_all()?.to_vec1()?, expected.flatten_all()?.to_vec1()?);
        assert!(max_difference(&pooled, &expected) < 1e-5);
        let mut portable = vec![0.0; 19];
        run_portable(RowMean {
            input: &wide.flatten_all()?.to_vec1::<f32>()?,
            bias: &bias,
            mean: &mut portable,
        });
        assert!(max_difference(&portable, &pooled) < 1e-5);
        assert!(wide.apply_op1_no_bwd(&MeanRelu6::new(vec![0.0; 18])).is_err());
        Ok(())
    }
}
