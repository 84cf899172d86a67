//! What is wanted of long rows of scores that are not kept: the sum of their powers, and the largest of them.

#![allow(unsafe_code, reason = "loads of whole registers")]

use super::choice::Kernels;
use super::dot::{Dot, Work};
use super::functions::exp;
use super::lanes::Lanes;
use super::layout::Precision;

/// Scores whose largest is looked at before any of them is by itself; they stay in the L1 cache for the second look.
const CHUNK: usize = 256;

/// The sum of `exp(scale * score)` over scores that come little by little, in units of the largest so that no power
/// overflows (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018).
#[derive(Clone, Copy, Debug)]
pub(crate) struct PowerSum {
    scale: f32,
    largest: f32,
    sum: f64,
}

impl PowerSum {
    /// Of no scores; `scale` is positive.
    pub(crate) fn new(scale: f32) -> Self {
        Self {
            scale,
            largest: f32::NEG_INFINITY,
            sum: 0.0,
        }
    }

    /// Of scores of which [`PowerSum::log`] is known.
    pub(crate) fn resumed(scale: f32, log: f64) -> Self {
        Self {
            scale,
            largest: (log / f64::from(scale)) as f32,
            sum: 1.0,
        }
    }

    /// The logarithm of the sum; negative infinity where there were no scores.
    pub(crate) fn log(&self) -> f64 {
        f64::from(self.scale) * f64::from(self.largest) + self.sum.ln()
    }

    /// Makes `largest` the unit where it is larger than what there was.
    fn rescale(&mut self, largest: f32) {
        if largest > self.largest {
            self.sum *= f64::from(self.scale * (self.largest - largest)).exp();
            self.largest = largest;
        }
    }
}

impl Kernels {
    /// Adds `scores` to `powers`, and calls `found` with the place and value of each score above `bound`, which is what
    /// `found` returned last.
    pub(crate) fn tally(self, scores: &[f32], powers: &mut PowerSum, bound: f32, found: impl FnMut(usize, f32) -> f32) {
        self.run(
            Precision::F32,
            Tally {
                scores,
                powers,
                bound,
                found,
            },
        );
    }
}

struct Tally<'a, F> {
    scores: &'a [f32],
    powers: &'a mut PowerSum,
    bound: f32,
    found: F,
}

impl<F: FnMut(usize, f32) -> f32> Work for Tally<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(mut self) {
        for (chunk, scores) in self.scores.chunks(CHUNK).enumerate() {
            let largest = largest::<D::Lanes>(scores);
            if largest > self.bound {
                for (place, score) in scores.iter().enumerate() {
                    if *score > self.bound {
                        self.bound = (self.found)(chunk * CHUNK + place, *score);
                    }
                }
            }
            if largest > f32::NEG_INFINITY {
                self.powers.rescale(largest);
                self.powers.sum += f64::from(powers::<D::Lanes>(scores, self.powers));
            }
        }
    }
}

#[inline(always)]
fn largest<L: Lanes>(scores: &[f32]) -> f32 {
    let whole = scores.chunks_exact(L::COUNT);
    let rest = whole.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut largest = L::splat(f32::NEG_INFINITY);
    for values in whole {
        // SAFETY: the values of a register are read.
        largest = unsafe { L::load(values.as_ptr()) }.max(largest);
    }
    largest.largest().max(rest)
}

/// The sum of the powers of a chunk, in units of the largest.
#[inline(always)]
fn powers<L: Lanes>(scores: &[f32], sum: &PowerSum) -> f32 {
    let whole = scores.chunks_exact(L::COUNT);
    let power = |score: &f32| (sum.scale * (score - sum.largest)).exp();
    let rest: f32 = whole.remainder().iter().map(power).sum();
    let (scale, largest) = (L::splat(sum.scale), L::splat(sum.largest));
    let mut total = L::splat(0.0);
    for values in whole {
        // SAFETY: the values of a register are read.
        total = total + exp((unsafe { L::load(values.as_ptr()) } - largest) * scale);
    }
    total.sum() + rest
}

#[cfg(test)]
#[path = "tests/tally.rs"]
mod tests;
