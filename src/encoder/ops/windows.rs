use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::values;

/// Side of a window.
const SIDE: usize = 3;

/// Unfolds a map into the 3 x 3 windows that a dense convolution reads, so that it becomes a matrix product ("im2col").
/// One row and column of zeros surround the map, as PyTorch's `padding=1` has it.
///
/// Input `[height, width, channels]`; output `[rows * out_width, 3 * 3 * channels]`, the values of a window in the order
/// `[y, x, channel]`. Only some rows are unfolded, since the windows of a whole map take nine times its memory.
pub(crate) struct Windows {
    /// Step from window to window.
    pub(crate) stride: usize,
    /// The rows of windows that are unfolded.
    pub(crate) rows: Range<usize>,
}

impl Windows {
    /// Number of windows along a side of `length` values, at step `stride`.
    pub(crate) fn along(length: usize, stride: usize) -> usize {
        length.div_ceil(stride)
    }
}

impl CustomOp1 for Windows {
    fn name(&self) -> &'static str {
        "windows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (height, width, channels) = layout.shape().dims3()?;
        if self.stride == 0 || input.is_empty() || self.rows.end > Self::along(height, self.stride) {
            bail!(
                "windows of rows {:?} at step {} of an input {:?}",
                self.rows,
                self.stride,
                layout.shape()
            )
        }
        let out_width = Self::along(width, self.stride);
        // A row of a window; its values lie together in the map too.
        let line = SIDE * channels;
        let mut output = vec![0.0; self.rows.len() * out_width * SIDE * line];
        let out_rows = output.chunks_exact_mut(out_width * SIDE * line);
        for (out_row, row) in out_rows.zip(self.rows.clone()) {
            for dy in 0..SIDE {
                let Some(y) = (row * self.stride + dy).checked_sub(1).filter(|y| *y < height) else {
                    continue;
                };
                let source = &input[y * width * channels..][..width * channels];
                for (column, window) in out_row.chunks_exact_mut(SIDE * line).enumerate() {
                    // The window begins one column before this one, and is cut where the map ends.
                    let x = column * self.stride;
                    let (first, last) = (x.saturating_sub(1), (x + SIDE - 1).min(width));
                    let cut = (first + 1 - x) * channels;
                    let inside = &source[first * channels..last * channels];
                    window[dy * line + cut..][..inside.len()].copy_from_slice(inside);
                }
            }
        }
        let shape = (self.rows.len() * out_width, SIDE * line);
        Ok((CpuStorage::F32(output), shape.into()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::testing::{flat, max_difference, noise};
    use super::*;

    #[test]
    fn the_product_with_windows_is_a_convolution() -> Result<()> {
        for (height, width, stride) in [(9, 7, 1), (8, 10, 1), (9, 7, 2), (8, 10, 2), (1, 1, 1)] {
            let image = Tensor::from_vec(noise(4 * height * width, 1), (4, height, width), &Device::Cpu)?;
            let weight = Tensor::from_vec(noise(5 * 4 * 9, 2), (5, 4, 3, 3), &Device::Cpu)?;
            let expected = image.unsqueeze(0)?.conv2d(&weight, 1, stride, 1, 1)?;
            let expected = expected.flatten_from(2)?.squeeze(0)?.t()?;
            let map = image.permute((1, 2, 0))?.contiguous()?;
            let weight = weight.permute((0, 2, 3, 1))?.flatten_from(1)?;
            let rows = Windows::along(height, stride);
            let bands = [0..rows / 2, rows / 2..rows].map(|rows| map.apply_op1_no_bwd(&Windows { stride, rows }));
            let [above, below] = bands;
            let product = Tensor::cat(&[above?, below?], 0)?.matmul(&weight.t()?)?;
            let difference = max_difference(&flat(&product)?, &flat(&expected)?);
            assert!(difference < 1e-5, "{height} x {width} at step {stride}: {difference}");
        }
        Ok(())
    }

    #[test]
    fn refuses_rows_that_the_map_does_not_have() -> Result<()> {
        let map = Tensor::from_vec(noise(5 * 4 * 2, 1), (5, 4, 2), &Device::Cpu)?;
        let windows = |stride, rows| map.apply_op1_no_bwd(&Windows { stride, rows });
        assert!(windows(2, 0..3).is_ok());
        assert!(windows(2, 0..4).is_err() && windows(0, 0..1).is_err());
        Ok(())
    }
}
