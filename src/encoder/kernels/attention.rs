//! Multi-head self-attention of packed sequences.

#![allow(unsafe_code, reason = "tiles work on pointers")]

use super::choice::Kernels;
use super::dot::{Dot, Float, Work};
use super::error::{KernelError, same_size};
use super::lanes::Lanes;
use super::layout::Precision;
use super::softmax::softmax;
use super::tile::{ROWS, Tile, tiles};

/// Multi-head self-attention (Vaswani et al., 2017) within each of several sequences that lie packed one after another,
/// so that no padding is computed and no sequence sees its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attention {
    /// Number of heads; divides the width.
    pub(crate) heads: usize,
    /// Whether a token attends to itself and those before it alone.
    pub(crate) causal: bool,
}

/// Memory of an attention, used again for the next.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The keys of a head in panels of tokens, `[panel, size, token]`, scaled by `1 / sqrt(size)`.
    keys: Vec<f32>,
    /// The values of a head in panels of columns, `[panel, token, column]`.
    values: Vec<f32>,
    /// The scores of a tile of queries, `[query, token]`.
    pub(super) scores: Vec<f32>,
}

impl Attention {
    /// Writes what the tokens attend to, `[tokens, width]`, to `output`. `input` is `[tokens, 3 * width]`: queries, keys
    /// and values, with their biases; the scale `1 / sqrt(width / heads)` is applied here. `lengths` are the tokens of
    /// each sequence.
    ///
    /// # Errors
    /// Where the counts do not fit.
    pub(crate) fn attend(
        self,
        kernels: Kernels,
        input: &[f32],
        lengths: &[usize],
        output: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<(), KernelError> {
        let tokens: usize = lengths.iter().sum();
        let width = output.len().checked_div(tokens).unwrap_or(0);
        same_size("outputs of attention", tokens * width, output.len())?;
        same_size("queries, keys and values of attention", 3 * output.len(), input.len())?;
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            let heads = self.heads;
            return Err(KernelError::Heads { heads, width });
        }
        kernels.run(
            Precision::F32,
            Sequences {
                attention: self,
                input,
                lengths,
                output,
                scratch,
                width,
            },
        );
        Ok(())
    }
}

struct Sequences<'a> {
    attention: Attention,
    input: &'a [f32],
    lengths: &'a [usize],
    output: &'a mut [f32],
    scratch: &'a mut Scratch,
    width: usize,
}

impl Work for Sequences<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        let size = self.width / self.attention.heads;
        if size == 0 {
            return;
        }
        let (mut input, mut output) = (self.input, self.output);
        for length in self.lengths.iter().copied().filter(|length| *length > 0) {
            let (sequence, later) = input.split_at(length * 3 * self.width);
            let (result, later_results) = output.split_at_mut(length * self.width);
            (input, output) = (later, later_results);
            for first in (0..self.width).step_by(size) {
                let head = Head {
                    sequence,
                    length,
                    width: self.width,
                    first,
                    size,
                };
                head.pack::<D::Lanes>(self.scratch);
                head.attend::<D::Lanes>(self.attention.causal, self.scratch, result);
            }
        }
    }
}

/// One head of one sequence.
struct Head<'a> {
    /// `[length, 3 * width]`.
    sequence: &'a [f32],
    length: usize,
    width: usize,
    /// First column of the head.
    first: usize,
    size: usize,
}

impl Head<'_> {
    /// Regroups keys and values so that tiles read them in order. Panels are filled up with zeros.
    #[inline(always)]
    fn pack<L: Lanes>(&self, scratch: &mut Scratch) {
        let panel = Float::<L>::PANEL;
        let scale = 1.0 / (self.size as f32).sqrt();
        let part =
            |token: usize, which: usize| &self.sequence[(3 * token + which) * self.width + self.first..][..self.size];
        scratch.keys.clear();
        scratch
            .keys
            .resize(self.length.next_multiple_of(panel) * self.size, 0.0);
        for token in 0..self.length {
            let panel_keys = &mut scratch.keys[token / panel * panel * self.size..][..panel * self.size];
            for (column, key) in panel_keys.chunks_exact_mut(panel).zip(part(token, 1)) {
                column[token % panel] = key * scale;
            }
        }
        scratch.values.clear();
        scratch
            .values
            .resize(self.size.next_multiple_of(panel) * self.length, 0.0);
        for token in 0..self.length {
            for (index, values) in part(token, 2).chunks(panel).enumerate() {
                scratch.values[(index * self.length + token) * panel..][..values.len()].copy_from_slice(values);
            }
        }
    }

    /// Writes what each token attends to into the head's columns of `result`, `[length, width]`.
    #[inline(always)]
    fn attend<L: Lanes>(&self, causal: bool, scratch: &mut Scratch, result: &mut [f32]) {
        let panel = Float::<L>::PANEL;
        let stride = self.length.next_multiple_of(panel);
        scratch.scores.resize((ROWS * stride).max(scratch.scores.len()), 0.0);
        for (first, rows) in tiles(self.length, ROWS) {
            let reach = if causal { first + rows } else { self.length };
            let queries = Factor {
                values: &self.sequence[3 * first * self.width + self.first..],
                stride: 3 * self.width,
                depth: self.size,
                rows,
            };
            for column in (0..reach).step_by(panel) {
                let keys = &scratch.keys[column * self.size..][..panel * self.size];
                queries.multiply::<L>(keys, &mut scratch.scores[column..], stride, panel);
            }
            for (row, scores) in scratch.scores.chunks_exact_mut(stride).take(rows).enumerate() {
                softmax::<L>(scores, if causal { first + row + 1 } else { self.length });
            }
            let weights = Factor {
                values: &scratch.scores,
                stride,
                depth: reach,
                rows,
            };
            for column in (0..self.size).step_by(panel) {
                let values = &scratch.values[column * self.length..][..panel * reach];
                let output = &mut result[first * self.width + self.first + column..];
                weights.multiply::<L>(values, output, self.width, panel.min(self.size - column));
            }
        }
    }
}

/// The few rows of a left factor: the first `depth` of each `stride` values.
struct Factor<'a> {
    values: &'a [f32],
    stride: usize,
    depth: usize,
    rows: usize,
}

impl Factor<'_> {
    /// Writes the product with a panel to the first `columns` of each `stride` values of `output`.
    #[inline(always)]
    fn multiply<L: Lanes>(&self, weights: &[f32], output: &mut [f32], stride: usize, columns: usize) {
        let last = self.rows - 1;
        assert!(self.values.len() >= last * self.stride + self.depth && output.len() >= last * stride + columns);
        assert!(weights.len() >= self.depth * Float::<L>::PANEL);
        let tile = Tile::<Float<L>> {
            inputs: self.values.as_ptr(),
            input_stride: self.stride,
            row_scales: std::ptr::null(),
            weights: weights.as_ptr(),
            groups: self.depth,
            next_inputs: self.values.as_ptr(),
            next_weights: std::ptr::null(),
            next_lines: 0,
            scales: std::ptr::null(),
            totals: std::ptr::null(),
            bias: None,
            output: output.as_mut_ptr(),
            output_stride: stride,
            columns,
            accumulate: false,
            relu6: false,
        };
        // SAFETY: the slices are as long as the tile says, which is asserted above; this code runs with the
        // instructions of `L`.
        unsafe { tile.in_registers(self.rows) };
    }
}

#[cfg(test)]
#[path = "tests/attention.rs"]
mod tests;
