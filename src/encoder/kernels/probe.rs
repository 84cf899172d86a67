//! Attention of one query to packed sequences.

#![allow(unsafe_code, reason = "loads and stores of whole registers")]

use super::attention::Scratch;
use super::choice::Kernels;
use super::dot::{Dot, Work};
use super::error::{KernelError, same_size};
use super::lanes::Lanes;
use super::layout::Precision;
use super::softmax::powers;
use super::storage::Buffer;

/// Attention of one query, the same for all, to each of several sequences that lie packed one after another: the
/// pooling of Lee et al. (Set Transformer, 2019).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeAttention<'a> {
    /// Number of heads; divides the width.
    pub(crate) heads: usize,
    /// The query, with its bias and scaled by `1 / sqrt(width / heads)`.
    pub(crate) query: &'a [f32],
}

impl ProbeAttention<'_> {
    /// Writes what the query attends to in each sequence, `[sequences, width]`, to `output`. `input` is
    /// `[tokens, 2 * width]`: keys and values, with their biases. `lengths` are the tokens of each sequence, at least one.
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
        let (tokens, width) = (lengths.iter().sum::<usize>(), self.query.len());
        same_size("outputs of attention", lengths.len() * width, output.len())?;
        same_size("keys and values of attention", 2 * tokens * width, input.len())?;
        if self.heads == 0 || width == 0 || !width.is_multiple_of(self.heads) {
            let heads = self.heads;
            return Err(KernelError::Heads { heads, width });
        }
        kernels.run(
            Precision::F32,
            Pooling {
                attention: self,
                input,
                lengths,
                output,
                scores: &mut scratch.scores,
            },
        );
        Ok(())
    }
}

struct Pooling<'a> {
    attention: ProbeAttention<'a>,
    input: &'a [f32],
    lengths: &'a [usize],
    output: &'a mut [f32],
    scores: &'a mut Buffer,
}

impl Work for Pooling<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        let query = self.attention.query;
        let (width, size) = (query.len(), query.len() / self.attention.heads);
        let mut input = self.input;
        for (result, length) in self.output.chunks_exact_mut(width).zip(self.lengths.iter().copied()) {
            let (sequence, later) = input.split_at(length * 2 * width);
            input = later;
            let padded = length.next_multiple_of(D::Lanes::COUNT);
            let scores = self.scores.first(padded);
            for first in (0..width).step_by(size) {
                for (score, token) in scores.iter_mut().zip(sequence.chunks_exact(2 * width)) {
                    *score = dot::<D::Lanes>(&query[first..][..size], &token[first..][..size]);
                }
                let sum = if length > 0 {
                    powers::<D::Lanes>(scores, length, 1.0)
                } else {
                    1.0
                };
                let result = &mut result[first..][..size];
                let values = sequence.get(width + first..).unwrap_or_default();
                weighted::<D::Lanes>(&scores[..length], values, 2 * width, result);
                let factor = 1.0 / sum;
                result.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
}

#[inline(always)]
fn dot<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = L::splat(0.0);
    for (a, b) in a.chunks(L::COUNT).zip(b.chunks(L::COUNT)) {
        // SAFETY: as many values are read as there are in both.
        unsafe {
            let count = a.len().min(b.len());
            sums = if count == L::COUNT {
                L::load(a.as_ptr()).mul_add(L::load(b.as_ptr()), sums)
            } else {
                L::load_first(a.as_ptr(), count).mul_add(L::load_first(b.as_ptr(), count), sums)
            };
        }
    }
    sums.sum()
}

/// Writes the sum of the rows of `values`, one every `stride`, each times its weight.
#[inline(always)]
fn weighted<L: Lanes>(weights: &[f32], values: &[f32], stride: usize, sums: &mut [f32]) {
    for (index, part) in sums.chunks_mut(L::COUNT).enumerate() {
        let mut sum = L::splat(0.0);
        for (row, weight) in values.chunks(stride).zip(weights) {
            let row = &row[index * L::COUNT..][..part.len()];
            // SAFETY: as many values are read as there are.
            let values = unsafe {
                if row.len() == L::COUNT {
                    L::load(row.as_ptr())
                } else {
                    L::load_first(row.as_ptr(), row.len())
                }
            };
            sum = values.mul_add(L::splat(*weight), sum);
        }
        // SAFETY: as many values are written as there are.
        unsafe { sum.store_first(part.as_mut_ptr(), part.len()) };
    }
}

#[cfg(test)]
#[path = "tests/probe.rs"]
mod tests;
