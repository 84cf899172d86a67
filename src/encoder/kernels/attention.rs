//! Multi-head self-attention of packed sequences.

#![allow(unsafe_code, reason = "tiles work on pointers")]

use super::activations::Rows;
use super::arrangement::Arrangement;
use super::choice::Kernels;
use super::dot::{Dot, Encoding, Work};
use super::error::{KernelError, same_size};
use super::lanes::Lanes;
use super::layout::Precision;
use super::softmax::powers;
use super::storage::{Aligned, Buffer};
use super::tile::{MOST_ROWS, Tile, tiles};

/// Multi-head self-attention (Vaswani et al., 2017) within each of several sequences that lie packed one after another,
/// so that no padding is computed and no sequence sees its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attention {
    /// Number of heads; divides the width.
    pub(crate) heads: usize,
    /// Whether a token attends to itself and those before it alone.
    pub(crate) causal: bool,
}

/// Memory of an attention, used again for the next. All is of one head of one sequence.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The head's columns of a token's query, key or value.
    part: Aligned,
    /// The queries, as rows of a product.
    queries: Aligned,
    /// The keys in panels of tokens, `[panel, group of the size, token]`.
    keys: Aligned,
    /// The values in panels of columns, `[panel, group of tokens, column]`.
    values: Aligned,
    /// The scores of a tile of queries, `[query, token]`.
    pub(super) scores: Buffer,
    /// What softmax makes of them, as rows of a product.
    weights: Aligned,
    /// The sums of values that such rows make, `[query, column]`.
    context: Aligned,
}

impl Attention {
    /// Writes what the tokens attend to, `[tokens, width]`, to `output`. `input` is `[tokens, 3 * width]`: queries, keys
    /// and values, with their biases, in the precision that [`Kernels::attention`] gives; the scale
    /// `1 / sqrt(width / heads)` is applied here. `lengths` are the tokens of each sequence.
    ///
    /// # Errors
    /// Where the counts do not fit, or the rows were converted for other kernels.
    pub(crate) fn attend(
        self,
        kernels: Kernels,
        input: Rows<'_>,
        lengths: &[usize],
        output: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<(), KernelError> {
        let width = input.depth / 3;
        same_size("queries, keys and values of a token", 3 * width, input.depth)?;
        same_size("tokens of attention", lengths.iter().sum(), input.rows)?;
        same_size("outputs of attention", input.rows * width, output.len())?;
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            let heads = self.heads;
            return Err(KernelError::Heads { heads, width });
        }
        let precision = match input.encoding {
            Some(Encoding::Bf16) => Precision::Bf16,
            _ => Precision::F32,
        };
        kernels.run(
            precision,
            Sequences {
                attention: self,
                input,
                lengths,
                output,
                scratch,
                width,
            },
        )
    }
}

struct Sequences<'a> {
    attention: Attention,
    input: Rows<'a>,
    lengths: &'a [usize],
    output: &'a mut [f32],
    scratch: &'a mut Scratch,
    width: usize,
}

impl Work for Sequences<'_> {
    type Output = Result<(), KernelError>;

    #[inline(always)]
    fn run<D: Dot>(self) -> Result<(), KernelError> {
        if self.input.encoding != Some(D::ENCODING)
            || !self.input.arrangement.suits::<D>(self.input.rows, self.input.depth)
        {
            return Err(KernelError::Encoding);
        }
        let Self { attention, width, .. } = self;
        let size = width / attention.heads;
        let mut first = 0;
        for length in self.lengths.iter().copied().filter(|length| *length > 0) {
            for column in (0..width).step_by(size.max(1)) {
                let head = Head {
                    input: self.input,
                    token: first,
                    length,
                    columns: [column, width + column, 2 * width + column],
                    size,
                };
                head.pack_queries::<D>(self.scratch);
                head.pack_keys::<D>(self.scratch);
                head.pack_values::<D>(self.scratch);
                let result = &mut self.output[first * width + column..];
                head.attend::<D>(attention.causal, self.scratch, (result, width));
            }
            first += length;
        }
        Ok(())
    }
}

/// One head of one sequence.
struct Head<'a> {
    input: Rows<'a>,
    /// The sequence's first token.
    token: usize,
    length: usize,
    /// Where the head's columns of queries, keys and values begin.
    columns: [usize; 3],
    size: usize,
}

impl Head<'_> {
    /// Puts the queries where tiles read them in order. Steps are filled up with zeros.
    #[inline(always)]
    fn pack_queries<D: Dot>(&self, scratch: &mut Scratch) {
        let (depth, arrangement) = (self.size.next_multiple_of(D::STEP), Arrangement::uncut::<D>(self.size));
        let part = scratch.part.numbers_mut::<D::Input>(depth);
        part.fill(D::Input::default());
        let packed = scratch.queries.numbers_mut::<D::Input>(arrangement.size(self.length));
        for token in 0..self.length {
            if D::ROWS_TOGETHER == 1 && depth == self.size {
                let to = &mut packed[arrangement.place(token, 0)..][..self.size];
                self.input.copy::<D, _>(self.token + token, self.columns[0], to);
                continue;
            }
            self.input
                .copy::<D, _>(self.token + token, self.columns[0], &mut part[..self.size]);
            arrangement.runs::<D>(token, (0, depth), |place, values| {
                packed[place..][..values.len()].copy_from_slice(&part[values]);
            });
        }
    }

    /// Regroups the keys so that tiles read them in order. Steps and panels are filled up with zeros.
    #[inline(always)]
    fn pack_keys<D: Dot>(&self, scratch: &mut Scratch) {
        let (panel, depth) = (D::PANEL, self.size.next_multiple_of(D::STEP));
        let columns = self.length.next_multiple_of(panel);
        // Whole groups, of which the last may have nothing in its last values.
        let part = scratch
            .part
            .numbers_mut::<D::Weight>(self.size.next_multiple_of(D::GROUP));
        part.fill(D::Weight::default());
        let packed = scratch.keys.numbers_mut::<D::Weight>(columns * depth);
        if !self.size.is_multiple_of(D::STEP) || columns > self.length {
            packed.fill(D::Weight::default());
        }
        for token in 0..self.length {
            self.input
                .copy::<D, _>(self.token + token, self.columns[1], &mut part[..self.size]);
            let place = token % panel * D::GROUP;
            let columns = &mut packed[token / panel * panel * depth..][..panel * depth];
            let groups = columns.chunks_exact_mut(panel * D::GROUP);
            for (to, group) in groups.zip(part.chunks_exact(D::GROUP)) {
                to[place..][..D::GROUP].copy_from_slice(group);
            }
        }
    }

    /// Regroups the values likewise.
    #[inline(always)]
    fn pack_values<D: Dot>(&self, scratch: &mut Scratch) {
        let (panel, depth) = (D::PANEL, self.length.next_multiple_of(D::STEP));
        let width = self.size.next_multiple_of(panel);
        let part = scratch.part.numbers_mut::<D::Weight>(self.size);
        let packed = scratch.values.numbers_mut::<D::Weight>(width * depth);
        if !self.length.is_multiple_of(D::STEP) || width > self.size {
            packed.fill(D::Weight::default());
        }
        for token in 0..self.length {
            self.input.copy::<D, _>(self.token + token, self.columns[2], part);
            let (group, place) = (token / D::GROUP, token % D::GROUP);
            for (index, columns) in part.chunks(panel).enumerate() {
                let to = &mut packed[(index * depth + group * D::GROUP) * panel..][..panel * D::GROUP];
                if D::GROUP == 1 {
                    to[..columns.len()].copy_from_slice(columns);
                    continue;
                }
                let places = to.chunks_exact_mut(D::GROUP);
                places.zip(columns).for_each(|(to, value)| to[place] = *value);
            }
        }
    }

    /// Writes what each token attends to into the first columns of each `width` of `result`.
    #[inline(always)]
    fn attend<D: Dot>(&self, causal: bool, scratch: &mut Scratch, (result, width): (&mut [f32], usize)) {
        let (panel, depth) = (D::PANEL, self.size.next_multiple_of(D::STEP));
        let (stride, tokens) = (
            self.length.next_multiple_of(panel),
            self.length.next_multiple_of(D::STEP),
        );
        let (rows_of_queries, rows_of_weights) =
            (Arrangement::uncut::<D>(self.size), Arrangement::uncut::<D>(self.length));
        let scale = 1.0 / (self.size as f32).sqrt();
        let scores = scratch.scores.first(D::ROWS * stride);
        let weights = scratch.weights.numbers_mut::<D::Input>(rows_of_weights.size(D::ROWS));
        let columns = self.size.next_multiple_of(panel);
        let context = scratch.context.numbers_mut::<f32>(D::ROWS * columns);
        let part = scratch.part.numbers_mut::<D::Input>(tokens);
        let queries = scratch.queries.numbers::<D::Input>();
        let (keys, values) = (
            scratch.keys.numbers::<D::Weight>(),
            scratch.values.numbers::<D::Weight>(),
        );
        for (first, rows) in tiles::<D>(self.length) {
            let reach = if causal { first + rows } else { self.length };
            let tile = Factor::<D> {
                values: &queries[rows_of_queries.place(first, 0)..],
                arrangement: rows_of_queries,
                depth,
                rows,
            };
            for column in (0..reach).step_by(panel) {
                // Whole registers, as softmax reads them.
                let count = panel.min((reach - column).next_multiple_of(D::Lanes::COUNT));
                tile.multiply(&keys[column * depth..], count, &mut scores[column..], stride);
            }
            let reached = reach.next_multiple_of(D::STEP);
            let mut sums = [0.0; MOST_ROWS];
            for (row, (scores, sum)) in scores.chunks_exact_mut(stride).zip(&mut sums).take(rows).enumerate() {
                let visible = if causal { first + row + 1 } else { self.length };
                *sum = powers::<D::Lanes>(scores, visible, scale);
                rows_of_weights.encode::<D>(row, &scores[..reach], weights, &mut part[..reached]);
            }
            let tile = Factor::<D> {
                values: weights,
                arrangement: rows_of_weights,
                depth: reached,
                rows,
            };
            for column in (0..self.size).step_by(panel) {
                tile.multiply(&values[column * tokens..], panel, &mut context[column..], columns);
            }
            let results = result[first * width..]
                .chunks_mut(width)
                .zip(context.chunks_exact(columns));
            for ((result, context), sum) in results.zip(sums).take(rows) {
                let factor = 1.0 / sum;
                for (result, value) in result[..self.size].iter_mut().zip(context) {
                    *result = value * factor;
                }
            }
        }
    }
}

/// The few rows of a left factor, of whose values the first `depth`, whole steps, are multiplied.
struct Factor<'a, D: Dot> {
    values: &'a [D::Input],
    arrangement: Arrangement,
    depth: usize,
    rows: usize,
}

impl<D: Dot> Factor<'_, D> {
    /// Writes the product with the first `columns` of a panel to the first values of each `stride` of `output`.
    #[inline(always)]
    fn multiply(&self, weights: &[D::Weight], columns: usize, output: &mut [f32], stride: usize) {
        assert!(self.values.len() >= self.arrangement.size(self.rows) && self.arrangement.is_uncut::<D>(self.depth));
        assert!(output.len() >= (self.rows - 1) * stride + columns && columns <= D::PANEL);
        assert!(weights.len() >= self.depth * D::PANEL);
        let tile = Tile::<D> {
            inputs: self.values.as_ptr(),
            input_stride: self.arrangement.stride,
            row_scales: std::ptr::null(),
            weights: weights.as_ptr(),
            groups: self.depth / D::GROUP,
            rows_of_panel: self.rows,
            kept: std::ptr::null_mut(),
            next_inputs: self.values.as_ptr(),
            next_output: output.as_ptr(),
            next_weights: std::ptr::null(),
            next_pairs: 0,
            next_apart: 0,
            next_panel: &[],
            scales: std::ptr::null(),
            totals: std::ptr::null(),
            bias: None,
            output: output.as_mut_ptr(),
            output_stride: stride,
            columns,
            accumulate: false,
            activation: None,
            rounded: None,
        };
        let mut rest = D::Rest::default();
        // SAFETY: the slices are as long as the tile says, which is asserted above; this code runs with the
        // instructions of `D`.
        unsafe {
            D::multiply(tile, self.rows, &mut rest);
            D::end(&mut rest);
        }
    }
}

#[cfg(test)]
#[path = "tests/attention.rs"]
mod tests;
