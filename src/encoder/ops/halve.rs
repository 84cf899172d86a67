use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::simd::{Kernel, dispatch};
use super::values;

/// Mean of each square of 2 x 2 positions; a last odd row or column is left out, as in PyTorch's `AvgPool2d(2)`.
///
/// Input `[height, width, channels]`; output `[height / 2, width / 2, channels]`.
pub(crate) struct Halve;

impl CustomOp1 for Halve {
    fn name(&self) -> &'static str {
        "halve"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (height, width, channels) = layout.shape().dims3()?;
        if height < 2 || width < 2 || channels == 0 {
            bail!("the means of squares of 2 x 2 in an input {:?}", layout.shape())
        }
        let mut output = vec![0.0; (height / 2) * (width / 2) * channels];
        dispatch(SquareMeans {
            input,
            output: &mut output,
            width,
            channels,
        });
        Ok((CpuStorage::F32(output), (height / 2, width / 2, channels).into()))
    }
}

struct SquareMeans<'a> {
    input: &'a [f32],
    output: &'a mut [f32],
    width: usize,
    channels: usize,
}

impl Kernel for SquareMeans<'_> {
    #[inline(always)]
    fn run(self) {
        let row = self.width * self.channels;
        let out_rows = self.output.chunks_exact_mut((self.width / 2) * self.channels);
        for (out_row, rows) in out_rows.zip(self.input.chunks_exact(2 * row)) {
            let (upper, lower) = rows.split_at(row);
            let squares = upper
                .chunks_exact(2 * self.channels)
                .zip(lower.chunks_exact(2 * self.channels));
            for (means, (upper, lower)) in out_row.chunks_exact_mut(self.channels).zip(squares) {
                let ((a, b), (c, d)) = (upper.split_at(self.channels), lower.split_at(self.channels));
                for ((((mean, a), b), c), d) in means.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *mean = (a + b + c + d) * 0.25;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::testing::{flat, max_difference, noise};
    use super::*;

    #[test]
    fn equals_candles_pooling() -> Result<()> {
        for (height, width) in [(6, 4), (7, 5), (2, 3)] {
            let planes = Tensor::from_vec(noise(3 * height * width, 1), (1, 3, height, width), &Device::Cpu)?;
            let expected = planes.avg_pool2d(2)?.squeeze(0)?.permute((1, 2, 0))?;
            let map = planes.squeeze(0)?.permute((1, 2, 0))?.contiguous()?;
            let halved = map.apply_op1_no_bwd(&Halve)?;
            assert_eq!(halved.dims(), expected.dims());
            assert!(max_difference(&flat(&halved)?, &flat(&expected)?) < 1e-6);
        }
        Ok(())
    }

    #[test]
    fn refuses_what_has_no_square() -> Result<()> {
        assert!(
            Tensor::from_vec(noise(6, 1), (1, 3, 2), &Device::Cpu)?
                .apply_op1_no_bwd(&Halve)
                .is_err()
        );
        Ok(())
    }
}
