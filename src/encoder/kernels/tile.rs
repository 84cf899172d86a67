//! Products of a few rows with a panel of columns.

#![allow(unsafe_code, reason = "vector instructions on packed memory")]

use std::ops::Range;
use std::slice;

use super::dot::Dot;
use super::fetch::fetch;
use super::functions::{Activation, Function, Relu6};
use super::lanes::Lanes;
use super::storage::LINE;

/// Rows of a tile in registers. With [`Lanes::PANEL`] of them each, their sums leave room for the operands.
pub(super) const ROWS: usize = 6;
/// The most rows of any tile.
pub(super) const MOST_ROWS: usize = 32;
/// The most results of any tile.
pub(super) const MOST_RESULTS: usize = 1024;

/// What a tile multiplies and where its sums go. Everything that it points to must stay as the fields say while a product
/// runs.
pub(super) struct Tile<D: Dot> {
    /// The first row's first value. `groups` of them are readable in each row, a row every `input_stride` values; where
    /// [`Dot::ROWS_TOGETHER`] are more than one, a step of each follows that of the one before.
    pub(super) inputs: *const D::Input,
    pub(super) input_stride: usize,
    /// One scale a row, for integers.
    pub(super) row_scales: *const f32,
    /// `groups` of the panel's columns one after another.
    pub(super) weights: *const D::Weight,
    pub(super) groups: usize,
    /// Rows that pass the panel, in this tile and others.
    pub(super) rows_of_panel: usize,
    /// Where weights go that are kept as f32 while they are multiplied: room for a panel.
    pub(super) kept: *mut f32,
    /// What is fetched into the cache meanwhile: the rows of the next tile, what its sums are added to (from its first output
    /// on), and this many lines of weights from there on for each line of a row, with as many so many bytes farther on. None needs
    /// to be readable.
    pub(super) next_inputs: *const D::Input,
    pub(super) next_output: *const f32,
    pub(super) next_weights: *const u8,
    pub(super) next_pairs: usize,
    pub(super) next_apart: usize,
    /// The weights whose turn is next, a panel where it is to be prepared: readable, or empty.
    #[allow(dead_code, reason = "for tile registers alone")]
    pub(super) next_panel: *const [D::Weight],
    /// One scale a column of the panel, where its weights are in units of such, and one total, for integers.
    pub(super) scales: *const f32,
    pub(super) totals: *const i32,
    /// One addend a column of the panel, where there is one.
    pub(super) bias: Option<*const f32>,
    /// The first row's first output: `columns` are writable in each row, a row every `output_stride` values.
    pub(super) output: *mut f32,
    pub(super) output_stride: usize,
    /// Columns, at most a panel and at least 1.
    pub(super) columns: usize,
    /// Whether the sums are added to the output, or take its place.
    pub(super) accumulate: bool,
    /// What is applied to the output.
    pub(super) activation: Option<Activation>,
    /// Where the output goes on to, if it is to be rounded.
    pub(super) rounded: Option<Rounded>,
}

/// Where a tile's output goes as [`Dot::round`] makes it: the first row's to `to`, a row every `stride` numbers. `count` of them
/// are written in each row, those beyond the tile's columns as zeros.
#[derive(Clone, Copy)]
pub(super) struct Rounded {
    pub(super) to: *mut u16,
    pub(super) stride: usize,
    pub(super) count: usize,
}

impl<D: Dot> Clone for Tile<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Dot> Copy for Tile<D> {}

/// The sizes of as few tiles of [`Dot::ROWS`] rows as hold `rows`, as even as can be: a tile of one or two rows, left over at
/// the end, would wait for its own sums. All but the last have a multiple of [`Dot::ROWS_TOGETHER`] rows. Each is paired with its
/// first row.
#[inline(always)]
pub(super) fn tiles<D: Dot>(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let units = rows.div_ceil(D::ROWS_TOGETHER);
    let count = rows.div_ceil(D::rows(rows)).max(1);
    let (size, larger) = (units / count, units % count);
    (0..count)
        .map(move |tile| {
            let first = D::ROWS_TOGETHER * (tile * size + tile.min(larger));
            let size = D::ROWS_TOGETHER * (size + usize::from(tile < larger));
            (first, size.min(rows - first.min(rows)))
        })
        .filter(|(_, size)| *size > 0)
}

impl<D: Dot> Tile<D> {
    /// The same tile by weights as `E` has them.
    #[inline(always)]
    pub(super) fn with<E: Dot<Input = D::Input>>(self, weights: *const E::Weight) -> Tile<E> {
        Tile {
            inputs: self.inputs,
            input_stride: self.input_stride,
            row_scales: self.row_scales,
            weights,
            groups: self.groups,
            rows_of_panel: self.rows_of_panel,
            kept: self.kept,
            next_inputs: self.next_inputs,
            next_output: self.next_output,
            next_weights: self.next_weights,
            next_pairs: self.next_pairs,
            next_apart: self.next_apart,
            next_panel: &[],
            scales: self.scales,
            totals: self.totals,
            bias: self.bias,
            output: self.output,
            output_stride: self.output_stride,
            columns: self.columns,
            accumulate: self.accumulate,
            activation: self.activation,
            rounded: self.rounded,
        }
    }

    /// Its `columns` columns from `first` on, or as many as there are.
    #[inline(always)]
    pub(super) fn part(self, first: usize, columns: usize) -> Self {
        Self {
            weights: self.weights.wrapping_add(first * D::GROUP),
            scales: self.scales.wrapping_add(first),
            totals: self.totals.wrapping_add(first),
            bias: self.bias.map(|bias| bias.wrapping_add(first)),
            output: self.output.wrapping_add(first),
            next_output: self.next_output.wrapping_add(first),
            columns: columns.min(self.columns - first),
            ..self
        }
    }

    /// Begins to fetch what the sums of so many rows and columns are added to or take the place of.
    #[allow(dead_code, reason = "for tile registers alone")]
    #[inline(always)]
    pub(super) fn fetch_output(&self, rows: usize, columns: usize) {
        for row in 0..rows {
            for column in (0..columns).step_by(LINE / size_of::<f32>()) {
                fetch::<1>(self.output.wrapping_add(row * self.output_stride + column).cast());
            }
        }
    }

    /// Whether there are so many columns, and nothing is applied to results on their way to the output: as in most tiles, which
    /// need not ask for each register.
    #[inline(always)]
    pub(super) fn is_plain(&self, columns: usize) -> bool {
        self.columns == columns && self.activation != Some(Activation::Relu6)
    }

    /// Ends with `sums` of the register of columns that begins with `column`, in a row: adds what is to be added to them, and
    /// writes them.
    ///
    /// # Safety
    /// The pointers must be as the fields say, and `column` one of the columns; `PLAIN` tiles must be so.
    #[inline(always)]
    pub(super) unsafe fn put<const PLAIN: bool>(&self, row: usize, column: usize, sums: D::Lanes) {
        let mut value = sums;
        // SAFETY: the caller's promise; a bias is there for a whole panel.
        unsafe {
            if let Some(bias) = self.bias {
                value = value + D::Lanes::load(bias.add(column));
            }
            if self.accumulate {
                value = self.before::<PLAIN>(row, column) + value;
            }
            self.write::<PLAIN>(row, column, value);
        }
    }

    /// What is in the output of the register of columns that begins with `column`, in a row.
    ///
    /// # Safety
    /// As for [`Tile::put`].
    #[inline(always)]
    pub(super) unsafe fn before<const PLAIN: bool>(&self, row: usize, column: usize) -> D::Lanes {
        let left = self.columns - column;
        // SAFETY: the caller's promise; no more than `columns` of the output are read.
        unsafe {
            let output = self.output.add(row * self.output_stride + column);
            if PLAIN || left >= D::Lanes::COUNT {
                D::Lanes::load(output)
            } else {
                D::Lanes::load_first(output, left)
            }
        }
    }

    /// Writes them.
    ///
    /// # Safety
    /// As for [`Tile::put`].
    #[inline(always)]
    pub(super) unsafe fn write<const PLAIN: bool>(&self, row: usize, column: usize, value: D::Lanes) {
        let left = self.columns - column;
        // Two instructions here are less than another pass, where the depth is small.
        let value = match self.activation {
            Some(Activation::Relu6) if !PLAIN => Relu6::of(value),
            _ => value,
        };
        // SAFETY: the caller's promise; no more than `columns` of the output are written.
        unsafe {
            let output = self.output.add(row * self.output_stride + column);
            if PLAIN || left >= D::Lanes::COUNT {
                value.store(output);
            } else {
                value.store_first(output, left);
            }
        }
    }

    /// Does what is to be done with the output of `rows` after [`Tile::put`].
    ///
    /// # Safety
    /// The pointers must be as the fields say.
    #[inline(always)]
    pub(super) unsafe fn finish(&self, rows: Range<usize>) {
        let activation = self.activation.filter(|which| *which != Activation::Relu6);
        if activation.is_none() && self.rounded.is_none() {
            return;
        }
        for row in rows {
            // SAFETY: the caller's promise.
            unsafe {
                let output = slice::from_raw_parts_mut(self.output.add(row * self.output_stride), self.columns);
                if let Some(activation) = activation {
                    activation.apply::<D::Lanes>(output);
                }
                if let Some(Rounded { to, stride, count }) = self.rounded {
                    D::round(output, slice::from_raw_parts_mut(to.add(row * stride), count));
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/tile.rs"]
mod tests;
