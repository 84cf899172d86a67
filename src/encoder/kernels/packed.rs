//! A matrix of weights, arranged so that a product reads it in order.

use std::ops::Range;

use super::choice::Kernels;
use super::dot::{Dot, Work};
use super::encode::Weight;
use super::error::{KernelError, same_size};
use super::layout::{Layout, Parts, Precision, blocks};
use super::storage::{Aligned, Bytes, Number, Shared, numbers, numbers_mut};

/// The numbers of a packed matrix.
pub(super) struct Columns<'a, W> {
    pub(super) weights: &'a [W],
    pub(super) bias: &'a [f32],
    pub(super) scales: &'a [f32],
    pub(super) totals: &'a [i32],
}

/// Weights and bias of a linear layer, packed for the kernels that it was made with.
pub(crate) struct PackedMatrix {
    pub(super) kernels: Kernels,
    pub(super) precision: Precision,
    pub(super) outputs: usize,
    pub(super) depth: usize,
    bytes: Bytes,
}

impl PackedMatrix {
    /// Packs `weights`, row-major `[outputs, depth]`, and `bias`, one value an output; without one it is zeros.
    ///
    /// # Errors
    /// Where the counts do not fit, or one is 0.
    pub(crate) fn pack(
        kernels: Kernels,
        precision: Precision,
        weights: &[f32],
        (outputs, depth): (usize, usize),
        bias: Option<&[f32]>,
    ) -> Result<Self, KernelError> {
        not_empty((outputs, depth))?;
        same_size("weights of a matrix", outputs.saturating_mul(depth), weights.len())?;
        if let Some(bias) = bias {
            same_size("biases of a matrix", outputs, bias.len())?;
        }
        let parts = kernels.layout(precision).parts(outputs, depth);
        let mut buffer = Aligned::zeroed(parts.end());
        kernels.run(
            precision,
            Pack {
                weights,
                outputs,
                depth,
                bias,
                parts: &parts,
                bytes: buffer.bytes_mut(),
            },
        );
        Ok(Self {
            kernels,
            precision,
            outputs,
            depth,
            bytes: Bytes::Owned(buffer),
        })
    }

    /// The matrix whose [`PackedMatrix::as_bytes`] with [`Layout::tag`] `tag` were kept in `bytes`.
    ///
    /// # Errors
    /// Where the kernels need another layout, or the bytes are not as many as the matrix has.
    pub(crate) fn from_bytes(
        kernels: Kernels,
        precision: Precision,
        (outputs, depth): (usize, usize),
        tag: u64,
        bytes: Shared,
    ) -> Result<Self, KernelError> {
        not_empty((outputs, depth))?;
        let layout = kernels.layout(precision);
        if layout.tag() != tag {
            return Err(KernelError::Layout {
                expected: layout.tag(),
                got: tag,
            });
        }
        let bytes = Bytes::Shared(bytes);
        same_size(
            "bytes of a packed matrix",
            layout.parts(outputs, depth).end(),
            bytes.get().len(),
        )?;
        Ok(Self {
            kernels,
            precision,
            outputs,
            depth,
            bytes,
        })
    }

    /// The packed bytes, to be kept with the tag of [`PackedMatrix::layout`], at a multiple of 64 bytes of a file.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get()
    }

    /// How the bytes are arranged.
    pub(crate) fn layout(&self) -> Layout {
        self.kernels.layout(self.precision)
    }

    /// Outputs of a row.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs of a row.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The numbers, whose counts are checked.
    pub(super) fn columns<W: Number>(&self, layout: Layout) -> Result<Columns<'_, W>, KernelError> {
        let parts = layout.parts(self.outputs, self.depth);
        let bytes = self.bytes.get();
        Ok(Columns {
            weights: part(bytes, &parts.weights)?,
            bias: part(bytes, &parts.bias)?,
            scales: part(bytes, &parts.scales)?,
            totals: part(bytes, &parts.totals)?,
        })
    }
}

fn not_empty((outputs, depth): (usize, usize)) -> Result<(), KernelError> {
    let smaller = outputs.min(depth);
    same_size("outputs and inputs of a matrix", smaller.max(1), smaller)
}

fn part<'a, T: Number>(bytes: &'a [u8], range: &Range<usize>) -> Result<&'a [T], KernelError> {
    let numbers = numbers::<T>(bytes.get(range.clone()).unwrap_or_default());
    same_size(
        "numbers of a packed matrix",
        range.len() / size_of::<T>(),
        numbers.len(),
    )?;
    Ok(numbers)
}

struct Pack<'a> {
    weights: &'a [f32],
    outputs: usize,
    depth: usize,
    bias: Option<&'a [f32]>,
    parts: &'a Parts,
    bytes: &'a mut [u8],
}

impl Work for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        if let Some(bias) = self.bias {
            numbers_mut::<f32>(&mut self.bytes[self.parts.bias.clone()])[..self.outputs].copy_from_slice(bias);
        }
        let (panel, padded) = (D::PANEL, self.depth.next_multiple_of(D::STEP));
        // A panel's rows one after another; what is beyond the last output or the depth stays zeros.
        let mut rows = vec![D::Weight::default(); panel * padded];
        for first in (0..self.outputs).step_by(panel) {
            rows.fill(D::Weight::default());
            let (mut scales, mut totals) = (vec![0.0; panel], vec![0; panel]);
            for column in 0..panel.min(self.outputs - first) {
                let row = &self.weights[(first + column) * self.depth..][..self.depth];
                let packed = &mut rows[column * padded..][..self.depth];
                (scales[column], totals[column]) = D::Weight::encode::<D::Lanes>(row, packed);
            }
            let weights = numbers_mut::<D::Weight>(&mut self.bytes[self.parts.weights.clone()]);
            spread::<D>(&rows, weights, (first, self.outputs.next_multiple_of(panel), padded));
            if !self.parts.scales.is_empty() {
                numbers_mut::<f32>(&mut self.bytes[self.parts.scales.clone()])[first..][..panel]
                    .copy_from_slice(&scales);
            }
            if !self.parts.totals.is_empty() {
                numbers_mut::<i32>(&mut self.bytes[self.parts.totals.clone()])[first..][..panel]
                    .copy_from_slice(&totals);
            }
        }
    }
}

/// Puts the rows of the panel that begins with column `first` where they belong in all blocks.
#[inline(always)]
fn spread<D: Dot>(rows: &[D::Weight], weights: &mut [D::Weight], (first, columns, padded): (usize, usize, usize)) {
    let panel = D::PANEL;
    for (start, depth, offset) in blocks::<D>(columns, padded) {
        let block = &mut weights[offset + first * depth..][..panel * depth];
        for (group, groups) in block.chunks_exact_mut(panel * D::GROUP).enumerate() {
            for (column, values) in groups.chunks_exact_mut(D::GROUP).enumerate() {
                values.copy_from_slice(&rows[column * padded + start + group * D::GROUP..][..D::GROUP]);
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/packed.rs"]
mod tests;
