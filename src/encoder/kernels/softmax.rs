//! Softmax of a row of scores.

#![allow(unsafe_code, reason = "loads and stores of whole registers")]

use super::functions::exp;
use super::lanes::Lanes;

/// Softmax over the first `visible` of `scores`, of which there is at least one; the others become 0. `scores` are whole
/// registers.
#[inline(always)]
pub(super) fn softmax<L: Lanes>(scores: &mut [f32], visible: usize) {
    let (seen, hidden) = scores.split_at_mut(visible.next_multiple_of(L::COUNT));
    hidden.fill(0.0);
    seen[visible..].fill(f32::NEG_INFINITY);
    let mut largest = L::splat(f32::NEG_INFINITY);
    for values in seen.chunks_exact(L::COUNT) {
        // SAFETY: the values of a register are read.
        largest = unsafe { L::load(values.as_ptr()) }.max(largest);
    }
    let largest = L::splat(largest.largest());
    let mut sum = L::splat(0.0);
    for (index, values) in seen.chunks_exact_mut(L::COUNT).enumerate() {
        let left = visible - index * L::COUNT;
        // SAFETY: the values of a register are read and written.
        unsafe {
            let mut powers = exp(L::load(values.as_ptr()) - largest);
            if left < L::COUNT {
                powers = powers.first(left);
            }
            sum = sum + powers;
            powers.store(values.as_mut_ptr());
        }
    }
    let factor = L::splat(1.0) / L::splat(sum.sum());
    for values in seen.chunks_exact_mut(L::COUNT) {
        // SAFETY: the values of a register are read and written.
        unsafe { (L::load(values.as_ptr()) * factor).store(values.as_mut_ptr()) };
    }
}
