//! The product of rows with a packed matrix.

#![allow(unsafe_code, reason = "tiles work on pointers")]

use std::ops::Range;

use super::activations::{Activations, Rows};
use super::arrangement::Arrangement;
use super::choice::Kernels;
use super::dot::{Dot, Encoding, Work};
use super::error::{KernelError, same_size};
use super::functions::Activation;
use super::layout::{BLOCK_STEP, Layout, PANEL_BYTES, Precision, block, blocks};
use super::output::{Output, Results};
use super::packed::{Columns, PackedMatrix};
use super::storage::{LINE, numbers};
use super::tile::{MOST_RESULTS, Tile, tiles};

/// Bytes of converted rows that pass all panels of a block together, before the others do: those of a batch, for each pass
/// reads all weights anew, from beyond the L2 cache.
const ROWS_BYTES: usize = 1280 << 10;

/// The same where panels of a cut depth stay in the L1 cache. All blocks of the rows come from beyond the L2 cache for each
/// group of results that stays in it; of fewer rows, a group has more outputs.
const CUT_ROWS_BYTES: usize = 200 << 10;

/// The same where panels are prepared, which takes memory of the L2 cache too.
const PREPARED_ROWS_BYTES: usize = 900 << 10;

/// Bytes of results that stay in the L2 cache while one block of the depth after another is added to them, beside the weights of
/// a block: less than a core has, for others may share it.
const RESULTS_BYTES: usize = 320 << 10;

/// Bytes of larger panels that pass a tile of rows, which then stays in the L1 cache instead, before the next tile's turn: what
/// stays in the L2 cache beside the rows.
const GROUP_BYTES: usize = 192 << 10;

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
        same_size(
            "outputs of a product",
            rows.rows.saturating_mul(self.outputs),
            output.len(),
        )?;
        let arrangement = Arrangement::plain(self.outputs);
        self.product(
            rows,
            epilogue,
            Output::F32 {
                values: output,
                arrangement,
            },
        )
    }

    /// As [`PackedMatrix::multiply`], with `output` as products of these kernels in `precision` read their rows.
    ///
    /// Gives whether that can be done while the results are in the cache; else nothing is.
    ///
    /// # Errors
    /// As there.
    pub(super) fn multiply_to_rows(
        &self,
        rows: Rows<'_>,
        activation: Option<Activation>,
        precision: Precision,
        output: &mut Activations,
    ) -> Result<bool, KernelError> {
        let epilogue = activation.map_or(Epilogue::Store, Epilogue::Activate);
        let shape = (rows.rows, self.outputs);
        let output = match self.kernels.encoding(precision) {
            Encoding::F32 => {
                let (values, arrangement) = output.room(self.kernels, precision, shape);
                Output::F32 { values, arrangement }
            }
            encoding if self.gives(encoding) => {
                let (values, arrangement) = output.room(self.kernels, precision, shape);
                Output::Rounded {
                    values,
                    parts: encoding.parts(),
                    arrangement,
                }
            }
            _ => return Ok(false),
        };
        self.product(rows, epilogue, output)?;
        Ok(true)
    }

    fn product(&self, rows: Rows<'_>, epilogue: Epilogue, output: Output<'_>) -> Result<(), KernelError> {
        same_size("values in a row of a product", self.depth, rows.depth)?;
        self.kernels.run(
            self.precision,
            Product {
                matrix: self,
                rows,
                epilogue,
                output,
                results: Results([0.0; MOST_RESULTS]),
            },
        )
    }

    /// Whether results can be converted so while they are in the cache: where that is what is made of a tile of this matrix,
    /// and no sum is put away before it is finished.
    pub(super) fn gives(&self, encoding: Encoding) -> bool {
        struct Gives(usize, Encoding);

        impl Work for Gives {
            type Output = bool;

            #[inline(always)]
            fn run<D: Dot>(self) -> bool {
                let Self(depth, encoding) = self;
                D::ROUNDED == encoding && blocks::<D>(0, depth.next_multiple_of(D::STEP)).count() == 1
            }
        }

        self.kernels.run(self.precision, Gives(self.depth, encoding))
    }
}

struct Product<'a> {
    matrix: &'a PackedMatrix,
    rows: Rows<'a>,
    epilogue: Epilogue,
    output: Output<'a>,
    /// Those of a tile, before they are converted.
    results: Results,
}

impl Work for Product<'_> {
    type Output = Result<(), KernelError>;

    #[inline(always)]
    fn run<D: Dot>(mut self) -> Result<(), KernelError> {
        const { assert!(D::ROWS * D::PANEL <= MOST_RESULTS && BLOCK_STEP.is_multiple_of(D::PANEL)) };
        if self.rows.encoding != Some(D::ENCODING)
            || !self.rows.arrangement.suits::<D>(self.rows.rows, self.matrix.depth)
        {
            return Err(KernelError::Encoding);
        }
        let columns = self
            .matrix
            .columns::<D::Weight>(Layout::of::<D>(self.matrix.precision))?;
        let padded = self.matrix.depth.next_multiple_of(D::STEP);
        let rows = self.rows.rows;
        let values = numbers::<D::Input>(self.rows.values);
        if values.len() < self.rows.arrangement.size(rows)
            || (!columns.totals.is_empty() && self.rows.scales.len() < rows)
        {
            return Err(KernelError::Encoding);
        }
        let block = block::<D>(padded);
        let bytes = if D::PREPARES_PANELS {
            PREPARED_ROWS_BYTES
        } else if block < padded && panel_stays(D::PANEL * block * size_of::<D::Weight>()) {
            CUT_ROWS_BYTES
        } else {
            ROWS_BYTES
        };
        let once = (bytes / (block.max(1) * size_of::<D::Input>())).max(1);
        let parts = rows.div_ceil(once).max(1);
        let part = rows.div_ceil(parts).next_multiple_of(D::ROWS_TOGETHER).max(1);
        let mut rest = D::Rest::default();
        for first in (0..rows).step_by(part) {
            self.blocks::<D>(&columns, values, (first, part.min(rows - first)), &mut rest);
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
    /// Those of the group after this one.
    next: &'a [W],
    /// What is applied to the sums, if the block is the last.
    activation: Option<Activation>,
}

impl Product<'_> {
    /// Multiplies `count` rows from `first` on.
    #[inline(always)]
    fn blocks<D: Dot>(
        &mut self,
        columns: &Columns<'_, D::Weight>,
        values: &[D::Input],
        (first, count): (usize, usize),
        rest: &mut D::Rest,
    ) {
        let depth = self.matrix.depth.next_multiple_of(D::STEP);
        let mut groups = groups::<D>((self.matrix.outputs, depth), count).peekable();
        while let Some((block, outputs, weights)) = groups.next() {
            let next = groups.peek().map_or(0..0, |(_, _, weights)| weights.clone());
            let activation = match self.epilogue {
                Epilogue::Activate(activation) if block.end == depth => Some(activation),
                _ => None,
            };
            let group = Group {
                start: block.start,
                depth: block.len(),
                outputs,
                weights: &columns.weights[weights],
                next: &columns.weights[next],
                activation,
            };
            self.group::<D>(columns, &group, values, (first, count), rest);
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
        rest: &mut D::Rest,
    ) {
        let (panel, depth) = (D::PANEL, group.depth);
        let (arrangement, scales) = (self.rows.arrangement, self.rows.scales);
        // The tiles share in fetching the next group, of whose halves each fetches a part.
        let tiles_of_group = count.div_ceil(D::rows(count)) * group.outputs.len().div_ceil(panel);
        let pairs = if count <= Kernels::rows_that_wait() {
            size_of_val(group.weights) / LINE / 2
        } else {
            0
        };
        let fetched = pairs.div_ceil(tiles_of_group.max(1));
        let mut next_weights = group.next.as_ptr().cast();
        let target = self.output.target(&mut self.results, first + count);
        for (row, size) in tiles::<D>(count) {
            let row = first + row;
            let inputs = &values[arrangement.place(row, group.start)..];
            let next = values.as_ptr().wrapping_add(arrangement.place(row + size, group.start));
            for (column, weights) in group
                .outputs
                .clone()
                .step_by(panel)
                .zip(group.weights.chunks_exact(panel * depth))
            {
                let width = panel.min(group.outputs.end - column);
                let is_last = column + width == group.outputs.end && row + size < first + count;
                let (output, output_stride, rounded) = target.of::<D>(row, column);
                let (next_inputs, next_output) = if is_last {
                    (next, output.wrapping_add(size * output_stride))
                } else {
                    (inputs.as_ptr(), output)
                };
                let tile = Tile::<D> {
                    inputs: inputs.as_ptr(),
                    next_inputs,
                    next_output,
                    next_weights,
                    next_panel: group.next,
                    next_apart: pairs * LINE,
                    next_pairs: fetched.div_ceil((depth * size_of::<D::Input>()).div_ceil(LINE)),
                    input_stride: arrangement.stride,
                    row_scales: scales.as_ptr().wrapping_add(row),
                    weights: weights.as_ptr(),
                    rows_of_panel: count,
                    kept: std::ptr::null_mut(),
                    groups: depth / D::GROUP,
                    scales: columns.scales.as_ptr().wrapping_add(column),
                    totals: columns.totals.as_ptr().wrapping_add(column),
                    bias: (group.start == 0).then(|| columns.bias[column..].as_ptr()),
                    output,
                    output_stride,
                    columns: width,
                    accumulate: group.start > 0 || self.epilogue == Epilogue::Accumulate,
                    activation: group.activation,
                    rounded,
                };
                next_weights = next_weights.wrapping_add(fetched * LINE);
                // SAFETY: `values` holds the depth of all rows, which was checked; `columns` holds whole panels, as
                // `PackedMatrix::columns` checks; `target` has room for all rows, and is there until nothing is left to do
                // of the group's last tile. This code runs with the instructions of `D`.
                unsafe { D::multiply(tile, size, rest) };
            }
        }
        // SAFETY: as above.
        unsafe { D::end(rest) };
    }
}

/// The groups of panels of a matrix of so many outputs and values of the depth, in the order in which they are multiplied with
/// `rows` rows: which of the depth they are of, which outputs, and which weights. Where the depth is cut, results that stay
/// in the L2 cache are finished before others are begun.
#[inline(always)]
fn groups<D: Dot>(
    (outputs, depth): (usize, usize),
    rows: usize,
) -> impl Iterator<Item = (Range<usize>, Range<usize>, Range<usize>)> {
    let (panel, block) = (D::PANEL, block::<D>(depth));
    let columns = outputs.next_multiple_of(panel);
    let together = move |depth: usize| panel * panels_together::<D>(panel * depth * size_of::<D::Weight>());
    let at_once = if block < depth && !D::PREPARES_PANELS {
        let bytes = rows * size_of::<f32>() + block * size_of::<D::Weight>();
        (RESULTS_BYTES / bytes).max(1).next_multiple_of(together(block))
    } else {
        columns
    };
    (0..columns).step_by(at_once.max(1)).flat_map(move |first| {
        let end = columns.min(first.saturating_add(at_once));
        blocks::<D>(columns, depth).flat_map(move |(start, depth, offset)| {
            (first..end).step_by(together(depth)).map(move |from| {
                let to = end.min(from + together(depth));
                let weights = offset + from * depth..offset + to * depth;
                (start..start + depth, from..to.min(outputs), weights)
            })
        })
    })
}

/// Whether a panel of so many bytes stays in the L1 cache while all rows pass.
#[inline(always)]
fn panel_stays(bytes: usize) -> bool {
    bytes <= PANEL_BYTES
}

/// How many panels of so many bytes pass a tile of rows one after another.
#[inline(always)]
fn panels_together<D: Dot>(bytes: usize) -> usize {
    if D::PREPARES_PANELS || panel_stays(bytes) {
        1
    } else {
        (GROUP_BYTES / bytes).max(1)
    }
}

#[cfg(test)]
#[path = "tests/product.rs"]
mod tests;
