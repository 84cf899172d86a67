//! How the numbers of a packed matrix are arranged.

use std::ops::Range;

use super::dot::Dot;
use super::storage::LINE;

const VERSION: u64 = 2;

/// Blocks are multiples of it, and hence of every panel: what a panel of results fills is then part of one block of the rows
/// that they become.
pub(super) const BLOCK_STEP: usize = 64;

/// Bytes of a panel that stays in the L1 cache while all rows pass.
pub(super) const PANEL_BYTES: usize = 32 << 10;

/// What a product is computed in; its sums and everything around it are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As the weights are.
    F32,
    /// Weights and rows rounded to bf16, sums in f32.
    Bf16,
    /// Weights in units of an output's largest over 127, rows in units of a row's largest over 127, or over 2047 where the
    /// processor's instructions multiply numbers of 16 bits; sums exact.
    Int8,
    /// As [`Precision::F32`], and as exact: with tile registers (AMX) each number is the sum of three of bf16, and all products of
    /// these are summed that are not lost in the rounding of an f32. Without such registers it is the same. Towers whose inputs
    /// have many tokens take it by themselves for `F32`.
    SplitF32,
    /// As [`Precision::F32`], and as exact but for a twentieth: weights are rounded to 24 bits in units of their output, 2^-23 of
    /// the power of two above its largest weight, and hence by no more than two f32 next to that one are apart. Towers whose
    /// inputs have few tokens and come alone, and wait for weights, take it by themselves for `F32`.
    FixedF32,
}

/// How the bytes of a packed matrix are arranged: a file that was written for one layout is not to be read as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    precision: Precision,
    /// Columns of a panel.
    panel: usize,
    /// Values of the depth that lie together.
    group: usize,
    /// Values of the depth that it is filled up to a multiple of; whole groups.
    step: usize,
    /// About as many values of the depth are in a block; more than the depth where it is not cut.
    block: usize,
}

impl Layout {
    #[inline(always)]
    pub(super) fn of<D: Dot>(precision: Precision) -> Self {
        Self {
            precision,
            panel: D::PANEL,
            group: D::GROUP,
            step: D::STEP,
            block: D::BLOCK,
        }
    }

    /// The layout as a number, to be written beside the bytes. It begins with a version, which goes up when [`blocks`] cuts
    /// otherwise.
    pub(crate) fn tag(self) -> u64 {
        let precision: u64 = match self.precision {
            Precision::F32 => 1,
            Precision::Bf16 => 2,
            Precision::Int8 => 3,
            Precision::SplitF32 => 4,
            Precision::FixedF32 => 5,
        };
        let block = self.block.min(u32::MAX as usize) as u64;
        let more_groups = (self.step / self.group - 1) as u64;
        VERSION << 60
            | precision << 56
            | (self.group as u64) << 48
            | more_groups << 40
            | (self.panel as u64) << 32
            | block
    }

    /// Where the parts of a matrix lie in its bytes.
    pub(super) fn parts(self, outputs: usize, depth: usize) -> Parts {
        let columns = outputs.next_multiple_of(self.panel);
        let (weight, scaled, integers) = match self.precision {
            Precision::F32 | Precision::SplitF32 => (4, false, false),
            Precision::FixedF32 => (3, true, false),
            Precision::Bf16 => (2, false, false),
            Precision::Int8 => (1, true, true),
        };
        let mut end = 0;
        let mut part = |bytes: usize| {
            let start = end;
            end = (start + bytes).next_multiple_of(LINE);
            start..start + bytes
        };
        Parts {
            weights: part(columns * depth.next_multiple_of(self.step) * weight),
            bias: part(columns * 4),
            scales: part(if scaled { columns * 4 } else { 0 }),
            totals: part(if integers { columns * 4 } else { 0 }),
        }
    }
}

/// The parts of a packed matrix, each at a cache line. Outputs are filled up to whole panels, with zeros.
pub(super) struct Parts {
    /// Block by block of the depth, in it panel by panel, in it group by group of the depth, in it column by column.
    pub(super) weights: Range<usize>,
    /// One f32 a column, and so the scales, of weights in units of such, and, as i32, the totals of the weights, which integers
    /// alone have.
    pub(super) bias: Range<usize>,
    pub(super) scales: Range<usize>,
    pub(super) totals: Range<usize>,
}

impl Parts {
    /// Bytes of all parts.
    pub(super) fn end(&self) -> usize {
        self.totals.end.next_multiple_of(LINE)
    }
}

/// Values of the depth in a block of a matrix whose depth is whole steps, `padded`: about [`Dot::BLOCK`], such that all but
/// the last are equal and that one is hardly smaller.
#[inline(always)]
pub(super) fn block<D: Dot>(padded: usize) -> usize {
    let count = if padded > D::UNCUT {
        ((padded + D::BLOCK / 2) / D::BLOCK).max(1)
    } else {
        1
    };
    padded.div_ceil(count).next_multiple_of(BLOCK_STEP.max(D::STEP))
}

/// Where a block of the depth begins in it, how many values of the depth it holds, and where it begins in the weights.
#[inline(always)]
pub(super) fn blocks<D: Dot>(columns: usize, padded: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let block = block::<D>(padded);
    (0..padded)
        .step_by(block.max(1))
        .map(move |start| (start, block.min(padded - start), start * columns))
}
