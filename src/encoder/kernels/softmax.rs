//! Softmax of a row of scores, but for its last division.

#![allow(unsafe_code, reason = "loads and stores of whole registers")]

use super::functions::exp;
use super::lanes::Lanes;

/// Replaces each of the first `visible` of `scores`, of which there is at least one, by `exp(scale * (score - largest))`,
/// where `scale` is positive; the others become 0. Gives the sum, which what is made of the powers is to be divided by:
/// softmax would divide them, and they are more. `scores` are whole registers.
#[inline(always)]
pub(super) fn powers<L: Lanes>(scores: &mut [f32], visible: usize, scale: f32) -> f32 {
    let (seen, hidden) = scores.split_at_mut(visible.next_multiple_of(L::COUNT));
    hidden.fill(0.0);
    // The last register may have lanes beyond. They are not overwritten in memory: it could not be read again at once.
    let begun = seen.len() - L::COUNT;
    let (whole, last) = seen.split_at_mut(begun);
    let left = visible - begun;
    // SAFETY: the values of a register are read.
    let last_scores = unsafe { L::load(last.as_ptr()) };
    let mut largest = last_scores.first_or(left, L::splat(f32::NEG_INFINITY));
    for values in whole.chunks_exact(L::COUNT) {
        // SAFETY: as above.
        largest = unsafe { L::load(values.as_ptr()) }.max(largest);
    }
    let (largest, scale) = (L::splat(largest.largest()), L::splat(scale));
    let mut sum = exp((last_scores - largest) * scale).first_or(left, L::splat(0.0));
    // SAFETY: the values of a register are written.
    unsafe { sum.store(last.as_mut_ptr()) };
    for values in whole.chunks_exact_mut(L::COUNT) {
        // SAFETY: the values of a register are read and written.
        unsafe {
            let powers = exp((L::load(values.as_ptr()) - largest) * scale);
            sum = sum + powers;
            powers.store(values.as_mut_ptr());
        }
    }
    sum.sum()
}
