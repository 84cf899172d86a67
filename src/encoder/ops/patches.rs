use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::values;

/// Unfolds planes into the patches that a dense convolution reads, so that it becomes a matrix product ("im2col").
///
/// Input `[channels, height, width]`; output `[out_height * out_width, channels * kernel * kernel]`, the values of a
/// patch in the order of a PyTorch convolution weight `[out, channels, kernel, kernel]`. Padding is TensorFlow's SAME.
pub(crate) struct Patches {
    /// Side of a patch.
    pub(crate) kernel: usize,
    /// Step from patch to patch.
    pub(crate) stride: usize,
}

/// Output length and zeros before the input of TensorFlow's SAME padding along one side.
pub(super) fn same_padding(input: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let output = input.div_ceil(stride);
    let total = (output.saturating_sub(1) * stride + kernel).saturating_sub(input);
    (output, total / 2)
}

impl CustomOp1 for Patches {
    fn name(&self) -> &'static str {
        "patches"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (channels, height, width) = layout.shape().dims3()?;
        if self.kernel == 0 || self.stride == 0 || input.is_empty() {
            bail!(
                "patches of {} pixels at step {} of an input {:?}",
                self.kernel,
                self.stride,
                layout.shape()
            )
        }
        let (out_height, top) = same_padding(height, self.kernel, self.stride);
        let (out_width, left) = same_padding(width, self.kernel, self.stride);
        let patch = channels * self.kernel * self.kernel;
        let mut output = vec![0.0; out_height * out_width * patch];
        for (oy, out_row) in output.chunks_exact_mut(out_width * patch).enumerate() {
            for (c, plane) in input.chunks_exact(height * width).enumerate() {
                for ky in 0..self.kernel {
                    let Some(y) = (oy * self.stride + ky).checked_sub(top).filter(|y| *y < height) else {
                        continue;
                    };
                    let row = &plane[y * width..][..width];
                    let tap = (c * self.kernel + ky) * self.kernel;
                    for (ox, out_patch) in out_row.chunks_exact_mut(patch).enumerate() {
                        for (kx, value) in out_patch[tap..][..self.kernel].iter_mut().enumerate() {
                            if let Some(x) = (ox * self.stride + kx).checked_sub(left).filter(|x| *x < width) {
                                *value = row[x];
                            }
                        }
                    }
                }
            }
        }
        Ok((CpuStorage::F32(output), (out_height * out_width, patch).into()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::testing::{max_difference, noise};
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        assert_eq!(same_padding(260, 3, 2), (130, 0));
        assert_eq!(same_padding(130, 3, 1), (130, 1));
        assert_eq!(same_padding(65, 5, 2), (33, 2));
        assert_eq!(same_padding(34, 5, 2), (17, 1));
        assert_eq!(same_padding(1, 5, 2), (1, 2));
    }

    #[test]
    fn the_product_with_patches_is_a_convolution() -> Result<()> {
        for (height, width, before, after) in [(9, 7, 1, 1), (8, 10, 0, 1)] {
            let image = Tensor::from_vec(noise(3 * height * width, 1), (3, height, width), &Device::Cpu)?;
            let weight = Tensor::from_vec(noise(5 * 3 * 9, 2), (5, 3, 3, 3), &Device::Cpu)?;
            let padded = image
                .pad_with_zeros(1, before, after)?
                .pad_with_zeros(2, before, after)?;
            let expected = padded
                .unsqueeze(0)?
                .conv2d(&weight, 0, 2, 1, 1)?
                .flatten_from(2)?
                .squeeze(0)?;
            let patches = image.apply_op1_no_bwd(&Patches { kernel: 3, stride: 2 })?;
            let product = weight.flatten_from(1)?.matmul(&patches.t()?)?;
            let difference = max_difference(
                &product.flatten_all()?.to_vec1::<f32>()?,
                &expected.flatten_all()?.to_vec1::<f32>()?,
            );
            assert!(difference < 1e-5, "{height} x {width}: {difference}");
        }
        Ok(())
    }
}
