//! The product of rows with a packed matrix.

#![allow(unsafe_code, reason = "tiles work on pointers")]

use std::ops::Range;

use super::activations::Rows;
use super::dot::{Dot, Work};
use super::error::{KernelError, same_size};
use super::functions::Activation;
use super::layout::{Layout, block, blocks};
use super::packed::{Columns, PackedMatrix};
use super::storage::{LINE, numbers};
use super::tile::{Tile, tiles};

/// Bytes of converted rows that pass all panels of a block together, before the others do: those of a batch, for each pass
/// reads all weights anew, from beyond the L2 cache.
const ROWS_BYTES: usize = 1280 << 10;

/// Bytes of a panel that stays in a small L1 cache while all rows pass.
const PANEL_BYTES: usize = 24 << 10;

/// Bytes of larger panels that pass a tile of rows, which then stays in the L1 cache instead, before the next tile's turn: what
/// stays in the L2 cache beside the rows.
const GROUP_BYTES: usize = 192 << 10;

/// So few rows pass a group of panels before the processor itself has brought the next one from memory, so that it is fetched
/// early. For more rows that would be in the way of what is needed now.
const FEW_ROWS: usize = 16;

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
        let padded = self.matrix.depth.next_multiple_of(D::STEP);
        let (rows, stride) = (self.rows.rows, self.rows.stride / size_of::<D::Input>());
        let values = numbers::<D::Input>(self.rows.values);
        let needed = rows.checked_sub(1).map_or(0, |before| before * stride + padded);
        if values.len() < needed || (!columns.scales.is_empty() && self.rows.scales.len() < rows) {
            return Err(KernelError::Encoding);
        }
        let once = (ROWS_BYTES / (block::<D>(padded).max(1) * size_of::<D::Input>())).max(1);
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

/// Panels of one block of the depth that are multiplied with a tile of rows before the next tile is.
struct Group<'a, W> {
    /// Where the block begins, and its values of the depth.
    start: usize,
    depth: usize,
    /// The outputs that the panels are of.
    outputs: Range<usize>,
    weights: &'a [W],
    /// What is applied to the sums, if the block is the last.
    activation: Option<Activation>,
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
        let (outputs, panel) = (self.matrix.outputs, D::PANEL);
        let padded = self.matrix.depth.next_multiple_of(D::STEP);
        for (start, depth, offset) in blocks::<D>(outputs.next_multiple_of(panel), padded) {
            let activation = match self.epilogue {
                Epilogue::Activate(activation) if start + depth == padded => Some(activation),
                _ => None,
            };
            let together = panel * panels_together(panel * depth * size_of::<D::Weight>());
            for from in (0..outputs).step_by(together) {
                let to = (from + together).min(outputs);
                let group = Group {
                    start,
                    depth,
                    outputs: from..to,
                    weights: &columns.weights[offset + from * depth..][..(to - from).next_multiple_of(panel) * depth],
                    activation,
                };
                self.group::<D>(columns, &group, values, (first, count));
            }
        }
    }

    /// [`Product::blocks`] for a group of panels.
    #[inline(always)]
    fn group<D: Dot>(
        &mut self,
        columns: &Columns<'_, D::Weight>,
        group: &Group<'_, D::Weight>,
        values: &[D::Input],
        (first, count): (usize, usize),
    ) {
        let (outputs, panel, depth) = (self.matrix.outputs, D::PANEL, group.depth);
        let (stride, scales) = (self.rows.stride / size_of::<D::Input>(), self.rows.scales);
        let output = &mut self.output[first * outputs..][..count * outputs];
        // The tiles share in fetching the next group, which follows this one.
        let tiles_of_group = count.div_ceil(D::ROWS) * group.outputs.len().div_ceil(panel);
        let lines = if count <= FEW_ROWS {
            size_of_val(group.weights) / LINE
        } else {
            0
        };
        let fetched = lines.div_ceil(tiles_of_group.max(1));
        let mut next_weights = group.weights.as_ptr_range().end.cast::<u8>();
        for (row, size) in tiles(count, D::ROWS) {
            let inputs = &values[row * stride + group.start..];
            for (column, weights) in group
                .outputs
                .clone()
                .step_by(panel)
                .zip(group.weights.chunks_exact(panel * depth))
            {
                let width = panel.min(group.outputs.end - column);
                let is_last = column + width == group.outputs.end && row + size < count;
                let tile = Tile::<D> {
                    inputs: inputs.as_ptr(),
                    next_inputs: inputs.as_ptr().wrapping_add(if is_last { size * stride } else { 0 }),
                    next_weights,
                    next_lines: fetched.div_ceil((depth * size_of::<D::Input>()).div_ceil(LINE)),
                    input_stride: stride,
                    row_scales: scales.as_ptr().wrapping_add(first + row),
                    weights: weights.as_ptr(),
                    groups: depth / D::GROUP,
                    scales: columns.scales.as_ptr().wrapping_add(column),
                    totals: columns.totals.as_ptr().wrapping_add(column),
                    bias: (group.start == 0).then(|| columns.bias[column..].as_ptr()),
                    output: output[row * outputs + column..].as_mut_ptr(),
                    output_stride: outputs,
                    columns: width,
                    accumulate: group.start > 0 || self.epilogue == Epilogue::Accumulate,
                    relu6: group.activation == Some(Activation::Relu6),
                };
                next_weights = next_weights.wrapping_add(fetched * LINE);
                // SAFETY: `values` holds the depth of `count` rows, which was checked; `columns` holds whole panels, as
                // `PackedMatrix::columns` checks; `output` holds `count` rows of `outputs`, and `width` of them are left
                // from `column` on. This code runs with the instructions of `D`.
                unsafe { D::multiply(tile, size) };
                if let Some(activation) = group.activation.filter(|which| *which != Activation::Relu6) {
                    for row in output[row * outputs..][..size * outputs].chunks_exact_mut(outputs) {
                        activation.apply::<D::Lanes>(&mut row[column..][..width]);
                    }
                }
            }
        }
    }
}

/// How many panels of so many bytes pass a tile of rows one after another.
#[inline(always)]
fn panels_together(bytes: usize) -> usize {
    if bytes <= PANEL_BYTES {
        1
    } else {
        (GROUP_BYTES / bytes).max(1)
    }
}

#[cfg(test)]
#[path = "tests/product.rs"]
mod tests;
