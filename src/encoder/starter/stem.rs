use super::config::StemConfig;
use crate::encoder::EncoderError;
use crate::encoder::kernels::{Epilogue, KernelError, PackedMatrix, Rows, same_padding};
use crate::encoder::towers::Parts;

/// Channels of a photograph.
pub(super) const RGB: usize = 3;

/// The first, dense convolution, padded as TensorFlow's SAME.
pub(super) struct Stem {
    /// Side of the square input.
    size: usize,
    side: usize,
    stride: usize,
    matrix: PackedMatrix,
}

impl Stem {
    /// Reads the convolution of images of `size` pixels a side.
    pub(super) fn load(parts: &Parts<'_>, size: usize, config: &StemConfig) -> Result<Self, EncoderError> {
        let (side, outputs) = (config.kernel, config.out_channels);
        let (compute, shape) = (parts.compute, [outputs, RGB, side, side]);
        Ok(Self {
            size,
            side,
            stride: config.stride,
            matrix: parts.linear(compute, &["stem.weight"], &["stem.bias"], &shape)?,
        })
    }

    /// The map `[rows, rows, outputs]` of one image, three planes of `size` rows of `size` values.
    pub(super) fn forward(&self, image: &[f32], epilogue: Epilogue) -> Result<Vec<f32>, KernelError> {
        let (rows, depth) = (self.rows(), self.matrix.depth());
        // A row of windows at a time stays in the first-level cache.
        let mut windows = vec![0.0; rows * depth];
        let mut map = vec![0.0; rows * rows * self.matrix.outputs()];
        for (row, output) in map.chunks_exact_mut(rows * self.matrix.outputs()).enumerate() {
            self.unfold(image, row, &mut windows);
            self.matrix.multiply(Rows::plain(&windows, depth)?, epilogue, output)?;
        }
        Ok(map)
    }

    /// Rows and columns of the map.
    pub(super) fn rows(&self) -> usize {
        self.size.div_ceil(self.stride)
    }

    /// Writes what the outputs of `row` read, `[columns, RGB * side * side]`: the values of a window in the order of the
    /// weights, zeros where it is beyond the image ("im2col").
    fn unfold(&self, image: &[f32], row: usize, windows: &mut [f32]) {
        let (size, side) = (self.size, self.side);
        let before = same_padding(size, side, self.stride);
        let inside = |start: usize, tap: usize| (start + tap).checked_sub(before).filter(|place| *place < size);
        for tap in 0..RGB * side {
            let (channel, dy) = (tap / side, tap % side);
            let source = inside(row * self.stride, dy).map(|y| &image[(channel * size + y) * size..][..size]);
            for (column, window) in windows.chunks_exact_mut(RGB * side * side).enumerate() {
                for (dx, value) in window[tap * side..][..side].iter_mut().enumerate() {
                    let x = inside(column * self.stride, dx);
                    *value = source.zip(x).map_or(0.0, |(source, x)| source[x]);
                }
            }
        }
    }
}
