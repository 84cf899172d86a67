//! Rounding of f32 values to bf16 and int8.

#![allow(unsafe_code, reason = "loads of whole registers")]

use super::lanes::Lanes;

/// The largest magnitude of a weight and of a row's value in int8: symmetric, so that -128 is never used.
pub(super) const LARGEST_INT8: i32 = i8::MAX as i32;
/// The largest magnitude of a row's value in i16: what is still finer is lost beside the rounding of the weights.
pub(super) const LARGEST_INT16: i32 = 2047;
/// The largest number of 24 bits.
const LARGEST_INT24: i32 = (1 << 23) - 1;
/// Adding it rounds to a whole number, which is then in the low bits of the sum: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;

/// The nearest bf16, ties to even; a NaN stays one.
#[inline(always)]
pub(super) fn bf16_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    (if value.is_nan() { (bits >> 16) | 0x40 } else { rounded }) as u16
}

/// The value of a bf16.
#[inline(always)]
pub(super) fn widened(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The largest magnitude, at most `possible`, of the values of a row of `depth` such that no sum of their products with
/// weights is beyond an i32. Of values above an offset, sums may wrap around on their way, and end right all the same.
#[inline(always)]
pub(super) fn largest_of_row(possible: i32, depth: usize) -> i32 {
    let sum = i32::MAX as usize / LARGEST_INT8 as usize / depth.max(1);
    sum.min(possible as usize) as i32
}

/// Writes `row / scale`, rounded to whole numbers of at most `most`, as `number` makes them, and zeros after them; gives
/// `scale`, which is such that the largest value becomes `most`.
#[inline(always)]
pub(super) fn quantize<L: Lanes, T: Copy>(row: &[f32], to: &mut [T], most: i32, number: impl Fn(i32) -> T) -> f32 {
    let (largest, most) = (largest_magnitude::<L>(row), most as f32);
    let factor = most / largest;
    to.fill(number(0));
    if !factor.is_finite() {
        return 0.0;
    }
    for (to, value) in to.iter_mut().zip(row) {
        // Where a value is infinite, so is the scale, and with it the result.
        let rounded = value * factor + ROUND;
        *to = number((rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32));
    }
    largest / most
}

/// A weight as it is stored.
pub(super) trait Weight: Copy + Default {
    /// Converts the weights of one output; gives their scale and their total, which integers alone have.
    fn encode<L: Lanes>(row: &[f32], to: &mut [Self]) -> (f32, i32);
}

impl Weight for f32 {
    #[inline(always)]
    fn encode<L: Lanes>(row: &[f32], to: &mut [f32]) -> (f32, i32) {
        to.iter_mut().zip(row).for_each(|(to, value)| *to = *value);
        (1.0, 0)
    }
}

impl Weight for u16 {
    #[inline(always)]
    fn encode<L: Lanes>(row: &[f32], to: &mut [u16]) -> (f32, i32) {
        to.iter_mut().zip(row).for_each(|(to, value)| *to = bf16_bits(*value));
        (1.0, 0)
    }
}

impl Weight for i8 {
    #[inline(always)]
    fn encode<L: Lanes>(row: &[f32], to: &mut [i8]) -> (f32, i32) {
        let scale = quantize::<L, i8>(row, to, LARGEST_INT8, |value| value as i8);
        (scale, to.iter().map(|value| i32::from(*value)).sum())
    }
}

impl Weight for [u8; 3] {
    /// The upper three bytes of an i32, whose units are the scale, a power of two; NaN where a weight is not finite.
    #[inline(always)]
    fn encode<L: Lanes>(row: &[f32], to: &mut [[u8; 3]]) -> (f32, i32) {
        let largest = largest_magnitude::<L>(row);
        if row.iter().any(|value| !value.is_finite()) {
            return (f32::NAN, 0);
        }
        // The exponent of the power of two above the largest. Units are never so small that what is added to sums could not be
        // told in them.
        let above = ((largest.to_bits() >> 23) as i32 - 126).max(-32);
        let factor = power_of_two(23 - above);
        for (to, value) in to.iter_mut().zip(row) {
            let whole = (value * factor).round_ties_even() as i32;
            // There is no room for what is rounded up to that power itself.
            let [low, middle, high, _] = whole.min(LARGEST_INT24).to_le_bytes();
            *to = [low, middle, high];
        }
        (power_of_two(above - 31), 0)
    }
}

/// `2^exponent`, of at least -126 and at most 127.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

#[inline(always)]
fn largest_magnitude<L: Lanes>(row: &[f32]) -> f32 {
    let mut largest = L::splat(0.0);
    for part in row.chunks(L::COUNT) {
        // SAFETY: as many values are read as there are.
        let values = unsafe {
            if part.len() == L::COUNT {
                L::load(part.as_ptr())
            } else {
                L::load_first(part.as_ptr(), part.len())
            }
        };
        largest = largest.max(values.abs());
    }
    largest.largest()
}
