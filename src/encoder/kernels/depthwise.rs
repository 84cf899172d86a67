//! Depthwise convolution of a map, channel by channel.

#![allow(unsafe_code, reason = "loads and stores of whole registers")]

use std::ops::Range;

use super::choice::Kernels;
use super::dot::{Dot, Work};
use super::error::{KernelError, same_size};
use super::functions::{Function, Relu6};
use super::lanes::Lanes;
use super::layout::Precision;

/// Registers of channels that are computed together: with [`OUTPUTS`] of each, their sums leave room for the operands.
const REGISTERS: usize = 2;
/// Neighbouring outputs that are computed together, so that a weight is loaded once for them.
const OUTPUTS: usize = 4;

/// A depthwise convolution and the activation after it, `relu6(depthwise(map) + bias)`, padded as TensorFlow's SAME
/// (Howard et al., MobileNets, 2017).
///
/// Maps lie in memory as `[height, width, channels]`. Nothing is padded in memory: outputs at a border add up the taps that
/// lie on the map.
pub(crate) struct Depthwise {
    side: usize,
    stride: usize,
    /// `[side * side, channels]`.
    taps: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// A convolution of `side` x `side` taps, 3 or 5, at step 1 or 2; `weights` are `[channels, side * side]`, and `bias` one
    /// value a channel.
    ///
    /// # Errors
    /// Where there is no channel, the counts do not fit, or the convolution is of another kind.
    pub(crate) fn new(weights: &[f32], bias: Vec<f32>, side: usize, stride: usize) -> Result<Self, KernelError> {
        let channels = bias.len();
        same_size("taps of a depthwise convolution", if side == 5 { 5 } else { 3 }, side)?;
        same_size(
            "step of a depthwise convolution",
            if stride == 2 { 2 } else { 1 },
            stride,
        )?;
        same_size(
            "weights of a depthwise convolution",
            channels.max(1) * side * side,
            weights.len(),
        )?;
        let mut taps = vec![0.0; weights.len()];
        for (channel, weights) in weights.chunks_exact(side * side).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                taps[tap * channels + channel] = *weight;
            }
        }
        Ok(Self {
            side,
            stride,
            taps,
            bias,
        })
    }

    /// Rows or columns of the output where the input has `length`.
    pub(crate) fn along(&self, length: usize) -> usize {
        length.div_ceil(self.stride)
    }

    /// The rows of a map of `height` rows that the rows `outputs` of the output depend on.
    pub(crate) fn reads(&self, outputs: Range<usize>, height: usize) -> Range<usize> {
        let top = same_padding(height, self.side, self.stride);
        let end = (outputs.end * self.stride + self.side).saturating_sub(self.stride + top);
        let start = (outputs.start * self.stride).saturating_sub(top).min(height);
        start..end.clamp(start, height)
    }

    /// Convolves a map of so many rows and columns into the rows `outputs` of the output, `[outputs, along(width),
    /// channels]`; `map` holds the rows that [`Depthwise::reads`], `[rows, width, channels]`.
    ///
    /// # Errors
    /// Where the counts do not fit.
    pub(crate) fn apply(
        &self,
        kernels: Kernels,
        map: &[f32],
        (height, width): (usize, usize),
        outputs: Range<usize>,
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        let channels = self.bias.len();
        let reads = self.reads(outputs.clone(), height);
        same_size(
            "rows of a convolved map",
            outputs.end.min(self.along(height)),
            outputs.end,
        )?;
        same_size("values of a map", reads.len() * width * channels, map.len())?;
        let values = outputs.len() * self.along(width) * channels;
        same_size("values of a convolved map", values, output.len())?;
        let pass = Pass {
            convolution: self,
            map,
            first_read: reads.start,
            height,
            width,
            first_output: outputs.start,
            output,
        };
        match (self.side, self.stride) {
            (3, 1) => kernels.run(Precision::F32, Unrolled::<3, 1>(pass)),
            (3, _) => kernels.run(Precision::F32, Unrolled::<3, 2>(pass)),
            (_, 1) => kernels.run(Precision::F32, Unrolled::<5, 1>(pass)),
            _ => kernels.run(Precision::F32, Unrolled::<5, 2>(pass)),
        }
        Ok(())
    }
}

/// Zeros before the first of `length` values in TensorFlow's SAME padding.
pub(crate) fn same_padding(length: usize, side: usize, stride: usize) -> usize {
    let last = length.div_ceil(stride).saturating_sub(1) * stride;
    (last + side).saturating_sub(length) / 2
}

/// Some rows of a map through the convolution.
struct Pass<'a> {
    convolution: &'a Depthwise,
    map: &'a [f32],
    first_read: usize,
    /// Of the whole map.
    height: usize,
    width: usize,
    first_output: usize,
    output: &'a mut [f32],
}

/// A pass whose side and step the compiler knows, so that it unrolls the taps.
struct Unrolled<'a, const SIDE: usize, const STRIDE: usize>(Pass<'a>);

impl<const SIDE: usize, const STRIDE: usize> Work for Unrolled<'_, SIDE, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        let Pass {
            convolution,
            map,
            first_read,
            height,
            width,
            first_output,
            output,
        } = self.0;
        let channels = convolution.bias.len();
        let (top, left) = (same_padding(height, SIDE, STRIDE), same_padding(width, SIDE, STRIDE));
        let out_width = convolution.along(width);
        // Outputs all of whose columns lie on the map.
        let inner = left.div_ceil(STRIDE)..((width + left + STRIDE).saturating_sub(SIDE) / STRIDE).min(out_width);
        for (index, output) in output.chunks_exact_mut((out_width * channels).max(1)).enumerate() {
            let row = first_output + index;
            let rows = on_map(row * STRIDE, top, SIDE, height);
            let first = row * STRIDE + rows.start - top - first_read;
            let line = Line::<SIDE, STRIDE> {
                rows: &map[first * width * channels..][..rows.len() * width * channels],
                taps: &convolution.taps[rows.start * SIDE * channels..][..rows.len() * SIDE * channels],
                bias: &convolution.bias,
                width,
                output,
            };
            line.convolve::<D::Lanes>(left, inner.clone());
        }
    }
}

/// The taps of a window that begins `before` in front of the map at `start` and lie on its `length` rows or columns.
#[inline(always)]
fn on_map(start: usize, before: usize, side: usize, length: usize) -> Range<usize> {
    before.saturating_sub(start)..side.min((length + before).saturating_sub(start))
}

/// A row of outputs, and what it is computed from: the rows of the map and the taps that lie on it.
struct Line<'a, const SIDE: usize, const STRIDE: usize> {
    rows: &'a [f32],
    taps: &'a [f32],
    bias: &'a [f32],
    width: usize,
    output: &'a mut [f32],
}

impl<const SIDE: usize, const STRIDE: usize> Line<'_, SIDE, STRIDE> {
    /// All outputs; a group of channels at a time, whose taps then stay at hand.
    #[inline(always)]
    fn convolve<L: Lanes>(mut self, left: usize, inner: Range<usize>) {
        let channels = self.bias.len();
        let out_width = self.output.len() / channels;
        let mut channel = 0;
        while channel < channels {
            let many = channels - channel >= REGISTERS * L::COUNT;
            let mut out = 0;
            while out < out_width {
                let columns = on_map(out * STRIDE, left, SIDE, self.width);
                let from = out * STRIDE + columns.start - left;
                let whole = inner.contains(&out) && out + OUTPUTS <= inner.end;
                // SAFETY: the columns lie on the map, and so do all of `OUTPUTS` outputs that end inside `inner`; there
                // are as many channels as a register group has, or what is left of them is said.
                unsafe {
                    match (many, whole) {
                        (true, true) => self.group::<L, OUTPUTS, REGISTERS>(channel, out, from, 0..SIDE, L::COUNT),
                        (true, false) => self.group::<L, 1, REGISTERS>(channel, out, from, columns, L::COUNT),
                        (false, true) => self.group::<L, OUTPUTS, 1>(channel, out, from, 0..SIDE, channels - channel),
                        (false, false) => self.group::<L, 1, 1>(channel, out, from, columns, channels - channel),
                    }
                }
                out += if whole { OUTPUTS } else { 1 };
            }
            channel += if many { REGISTERS * L::COUNT } else { L::COUNT };
        }
    }

    /// `COUNT` outputs from `out` on of `WIDTH` registers of channels from `channel` on, in the last of which are `left`
    /// channels or more. The first output's first tap lies on column `from` of the map.
    ///
    /// # Safety
    /// The taps of `columns` must lie on the map for all outputs, and the channels in its channels.
    #[inline(always)]
    unsafe fn group<L: Lanes, const COUNT: usize, const WIDTH: usize>(
        &mut self,
        channel: usize,
        out: usize,
        from: usize,
        columns: Range<usize>,
        left: usize,
    ) {
        let channels = self.bias.len();
        let whole = left >= L::COUNT;
        let load = |from: *const f32| {
            // SAFETY: the caller's promise; nothing is loaded but taps, biases and values of the map.
            unsafe {
                if whole {
                    L::load(from)
                } else {
                    L::load_first(from, left)
                }
            }
        };
        let mut sums = [[L::splat(0.0); WIDTH]; COUNT];
        // SAFETY: the caller's promise.
        unsafe {
            for sums in &mut sums {
                for (register, sum) in sums.iter_mut().enumerate() {
                    *sum = load(self.bias.as_ptr().add(channel + register * L::COUNT));
                }
            }
            for row in 0..self.taps.len() / (SIDE * channels) {
                let taps = self.taps.as_ptr().add(row * SIDE * channels + channel);
                let values = self.rows.as_ptr().add((row * self.width + from) * channels + channel);
                for column in columns.clone() {
                    let mut weights = [L::splat(0.0); WIDTH];
                    for (register, weight) in weights.iter_mut().enumerate() {
                        *weight = load(taps.add(column * channels + register * L::COUNT));
                    }
                    for (output, sums) in sums.iter_mut().enumerate() {
                        let values = values.add((output * STRIDE + column - columns.start) * channels);
                        for (register, (sum, weight)) in sums.iter_mut().zip(weights).enumerate() {
                            *sum = load(values.add(register * L::COUNT)).mul_add(weight, *sum);
                        }
                    }
                }
            }
            for (output, sums) in sums.into_iter().enumerate() {
                let to = self.output.as_mut_ptr().add((out + output) * channels + channel);
                for (register, sum) in sums.into_iter().enumerate() {
                    let value = Relu6::of(sum);
                    let to = to.add(register * L::COUNT);
                    if whole {
                        value.store(to);
                    } else {
                        value.store_first(to, left);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/depthwise.rs"]
mod tests;
