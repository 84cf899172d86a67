//! Products of a query with rows of one cache line: a few values in 8 bits, the others in 4.

#![allow(unsafe_code, reason = "calls of code that is compiled for detected instructions")]

use super::LINE;
use super::int8::{Int8, Work};
use super::prefetch::prefetch_line;

/// Values of a line that have 8 bits: signed, in its first bytes.
pub(crate) const STRONG: usize = 16;
/// Values of a line that have 4 bits: 0 to 15, two to each byte after those; see [`weak_place`].
pub(crate) const WEAK: usize = 2 * (LINE - STRONG);
/// Bytes that the fast paths read at once of those with two values.
const WIDE: usize = 32;
/// Rows asked for before they are multiplied.
const AHEAD: usize = 24;

/// The byte of a line in which a weak value is, and by how many bits it is shifted there: low halves come before high
/// ones, in the first 32 bytes and then in the last 16, so that each half is a register of values in their order.
pub(crate) fn weak_place(value: usize) -> (usize, u32) {
    let (start, value, half) = if value < 2 * WIDE {
        (STRONG, value, WIDE)
    } else {
        (STRONG + WIDE, value - 2 * WIDE, LINE - STRONG - WIDE)
    };
    (start + value % half, 4 * (value / half) as u32)
}

/// A query's values. The product with a line is that of the strong ones, and `1 << shift` times that of the weak ones.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct LineQuery {
    pub(super) strong: [i16; STRONG],
    pub(super) weak: [i8; WEAK],
    pub(super) shift: u32,
}

/// The greatest shift. No product then leaves i32: `16 * 32767 * 127 + (96 * 127 * 15 << 8)` is less than `2^27`.
pub(crate) const MAX_SHIFT: u32 = 8;

impl LineQuery {
    /// A query of these values; none when weak ones are -128, or are to be shifted further than [`MAX_SHIFT`].
    pub(crate) fn new(strong: [i16; STRONG], weak: [i8; WEAK], shift: u32) -> Option<Self> {
        (shift <= MAX_SHIFT && weak.iter().all(|value| *value != i8::MIN)).then_some(Self { strong, weak, shift })
    }

    /// The product with a line.
    #[inline(always)]
    pub(super) fn product(&self, line: &[u8; LINE]) -> i32 {
        let (strong, bytes) = line.split_at(STRONG);
        let strong = strong.iter().zip(&self.strong);
        let strong: i32 = strong.map(|(x, y)| i32::from(x.cast_signed()) * i32::from(*y)).sum();
        let (first, last) = bytes.split_at(WIDE);
        let (for_first, for_last) = self.weak.split_at(2 * WIDE);
        strong + ((halves(first, for_first) + halves(last, for_last)) << self.shift)
    }
}

/// The product of the low halves of bytes with the first values, and of the high ones with the others.
#[inline(always)]
fn halves(bytes: &[u8], values: &[i8]) -> i32 {
    let (low, high) = values.split_at(bytes.len());
    let product = |(byte, (low, high)): (&u8, (&i8, &i8))| {
        i32::from(byte & 15) * i32::from(*low) + i32::from(byte >> 4) * i32::from(*high)
    };
    bytes.iter().zip(low.iter().zip(high)).map(product).sum()
}

/// Products of a query with listed lines.
pub(super) struct Lines<'a> {
    pub(super) query: &'a LineQuery,
    pub(super) lines: &'a [[u8; LINE]],
    pub(super) rows: &'a [u32],
    pub(super) out: &'a mut [f32],
}

impl Work for Lines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Int8>(self) {
        let prefetch = |row: u32| prefetch_line::<1>(self.lines.as_ptr().wrapping_add(row as usize).cast());
        self.rows.iter().take(AHEAD).for_each(|row| prefetch(*row));
        for (place, (row, out)) in self.rows.iter().zip(self.out).enumerate() {
            if let Some(row) = self.rows.get(place + AHEAD) {
                prefetch(*row);
            }
            *out = match self.lines.get(*row as usize) {
                // SAFETY: work runs where the instructions are.
                Some(line) => unsafe { I::line(self.query, line) as f32 },
                None => f32::NEG_INFINITY,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_half_of_a_byte_after_the_strong_values_is_one_weak_value() {
        let places: HashSet<_> = (0..WEAK).map(weak_place).collect();
        let all = (STRONG..LINE).flat_map(|byte| [(byte, 0), (byte, 4)]);
        assert_eq!(places, all.collect());
    }

    #[test]
    fn a_product_is_that_of_the_values() {
        let mut line = [0; LINE];
        (line[0], line[STRONG - 1]) = (3, (-5i8).cast_unsigned());
        let mut query = LineQuery::new([0; STRONG], [0; WEAK], 2).unwrap();
        (query.strong[0], query.strong[STRONG - 1]) = (1000, 100);
        assert_eq!(query.product(&line), 2500);
        for (value, weight) in [(0, 1), (40, -2), (70, 3), (WEAK - 1, 127)] {
            let (byte, shift) = weak_place(value);
            line[byte] |= 9 << shift;
            query.weak[value] = weight;
        }
        assert_eq!(query.product(&line), 2500 + 4 * 9 * (1 - 2 + 3 + 127));
    }

    #[test]
    fn queries_that_could_overflow_are_refused() {
        assert!(LineQuery::new([0; STRONG], [0; WEAK], MAX_SHIFT + 1).is_none());
        let mut weak = [0; WEAK];
        weak[WEAK - 1] = -128;
        assert!(LineQuery::new([0; STRONG], weak, 0).is_none());
    }
}
