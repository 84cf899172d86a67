//! The product of rows with a packed matrix.

#![allow(unsafe_code, reason = "tiles work on pointers")]

use super::activations::Rows;
use super::dot::{Dot, Work};
use super::error::{KernelError, same_size};
use super::functions::Activation;
use super::layout::{Layout, blocks};
use super::packed::{Columns, PackedMatrix};
use super::storage::{LINE, numbers};
use super::tile::{ROWS, Tile, panel, tiles};

/// Bytes of converted rows that pass all panels of a block together: half of a small L2 cache.
const ROWS_BYTES: usize = 256 << 10;

/// What happens to the sums of a product, to which the bias is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Epilogue {
    /// They become the output.
    Store,
    /// Their activation becomes the output.
    Activate(Activation),
    /// They are added to the output: a residual.
    Accumulate,
}

impl PackedMatrix {
    /// Multiplies `rows` with the matrix on the calling thread, and ends with `epilogue` on `output`,
    /// `[rows, outputs]`.
    ///
    /// A row's result does not depend on the other rows, bit for bit.
    ///
    /// # Errors
    /// Where the counts do not fit, or the rows were converted for other kernels.
    pub(crate) fn multiply(&self, rows: Rows<'_>, epilogue: Epilogue, output: &mut [f32]) -> Result<(), KernelError> {
        same_size("values in a row of a product", self.depth, rows.depth)?;
        same_size(
            "outputs of a product",
            rows.rows.saturating_mul(self.outputs),
            output.len(),
        )?;
        self.kernels.run(
            self.precision,
            Product {
                matrix: self,
                rows,
                epilogue,
                output,
            },
        )
    }
}

struct Product<'a> {
    matrix: &'a PackedMatrix,
    rows: Rows<'a>,
    epilogue: Epilogue,
    output: &'a mut [f32],
}

impl Work for Product<'_> {
    type Output = Result<(), KernelError>;

    #[inline(always)]
    fn run<D: Dot>(mut self) -> Result<(), KernelError> {
        if self.rows.encoding != Some(D::ENCODING) {
            return Err(KernelError::Encoding);
        }
        let columns = self
            .matrix
            .columns::<D::Weight>(Layout::of::<D>(self.matrix.precision))?;
        let padded = self.matrix.depth.next_multiple_of(D::GROUP);
        let (rows, stride) = (self.rows.rows, self.rows.stride / size_of::<D::Input>());
        let values = numbers::<D::Input>(self.rows.values);
        let needed = rows.checked_sub(1).map_or(0, |before| before * stride + padded);
        if values.len() < needed || (!columns.scales.is_empty() && self.rows.scales.len() < rows) {
            return Err(KernelError::Encoding);
        }
        let once = (ROWS_BYTES / (D::BLOCK.min(padded).max(1) * size_of::<D::Input>())).max(1);
        let parts = rows.div_ceil(once).max(1);
        for part in 0..parts {
            let (first, last) = (part * rows / parts, (part + 1) * rows / parts);
            self.blocks::<D>(
                &columns,
                &values[(first * stride).min(values.len())..],
                (first, last - first),
            );
        }
        Ok(())
    }
}

impl Product<'_> {
    /// Multiplies `count` rows from `first` on, the first of which begins `values`.
    #[inline(always)]
    fn blocks<D: Dot>(
        &mut self,
        columns: &Columns<'_, D::Weight>,
        values: &[D::Input],
        (first, count): (usize, usize),
    ) {
        let (outputs, panel) = (self.matrix.outputs, panel::<D>());
        let padded = self.matrix.depth.next_multiple_of(D::GROUP);
        let (stride, scales) = (self.rows.stride / size_of::<D::Input>(), self.rows.scales);
        let output = &mut self.output[first * outputs..][..count * outputs];
        for (start, depth, offset) in blocks::<D>(outputs.next_multiple_of(panel), padded) {
            let activation = match self.epilogue {
                Epilogue::Activate(activation) if start + depth == padded => Some(activation),
                _ => None,
            };
            for column in (0..outputs).step_by(panel) {
                let weights = &columns.weights[offset + column * depth..][..panel * depth];
                let width = panel.min(outputs - column);
                // The tiles share in fetching the next panel, which follows this one.
                let fetched = (size_of_val(weights) / LINE).div_ceil(count.div_ceil(ROWS).max(1));
                let next_weights = weights.as_ptr_range().end.cast::<u8>();
                for (index, (row, size)) in tiles(count).enumerate() {
                    let inputs = &values[row * stride + start..];
                    let next = if row + size < count { size * stride } else { 0 };
                    let tile = Tile::<D> {
                        inputs: inputs.as_ptr(),
                        next_inputs: inputs.as_ptr().wrapping_add(next),
                        next_weights: next_weights.wrapping_add(index * fetched * LINE),
                        next_lines: fetched.div_ceil((depth * size_of::<D::Input>()).div_ceil(LINE)),
                        input_stride: stride,
                        row_scales: scales.as_ptr().wrapping_add(first + row),
                        weights: weights.as_ptr(),
                        groups: depth / D::GROUP,
                        scales: columns.scales.as_ptr().wrapping_add(column),
                        totals: columns.totals.as_ptr().wrapping_add(column),
                        bias: (start == 0).then(|| columns.bias[column..].as_ptr()),
                        output: output[row * outputs + column..].as_mut_ptr(),
                        output_stride: outputs,
                        columns: width,
                        accumulate: start > 0 || self.epilogue == Epilogue::Accumulate,
                        relu6: activation == Some(Activation::Relu6),
                    };
                    // SAFETY: `values` holds the depth of `count` rows, which was checked; `columns` holds whole panels,
                    // as `PackedMatrix::columns` checks; `output` holds `count` rows of `outputs`, and `width` of them
                    // are left from `column` on. This code runs with the instructions of `D`.
                    unsafe { tile.multiply(size) };
                    if let Some(activation) = activation.filter(|which| *which != Activation::Relu6) {
                        for row in output[row * outputs..][..size * outputs].chunks_exact_mut(outputs) {
                            activation.apply::<D::Lanes>(&mut row[column..][..width]);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/product.rs"]
mod tests;
