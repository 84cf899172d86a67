//! f32 by f32 in the tile registers, which multiply bf16, sixteen times as many numbers a cycle as AVX-512 does of f32: each
//! number is the sum of three of bf16, and a product that of six of theirs (Henry, Tang and Heinecke, "Leveraging the
//! bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations", 2019, arXiv:1904.06376).
//!
//! A part has eight of a number's 24 bits, so that nothing is lost but of those below 2^-110, whose last parts are zeros here.
//! The three products that are left out, of a middle with a last part and of two last ones, are below the rounding of an f32 to
//! which the six add up. What is infinite becomes NaN.
//!
//! Rows are split when they are converted. Weights stay f32, no larger than they are, and each panel of them is split while the
//! rows pass the one before.

#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_loadu_si512, _mm512_maskz_loadu_epi32,
    _mm512_or_si512, _mm512_permutex2var_epi16, _mm512_set1_epi32, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_sub_ps,
};
use std::{array, mem};

use super::super::super::fetch::{Ahead, fetch};
use super::super::super::lanes::Lanes;
use super::super::super::lanes::avx512::Avx512;
use super::super::super::storage::{Aligned, LINE};
use super::super::super::tile::Tile;
use super::super::{Dot, Encoding, Work};
use super::{Bf16, COLUMNS, Numbers, Rest, SIDE, enter, load, matrix_tiles, multiply};

/// f32 by f32, each in three parts.
pub(in super::super::super) struct SplitF32;

/// The parts of a number.
const PARTS: usize = 3;
/// Values of the depth in a step: a line of bf16.
const STEP: usize = LINE / size_of::<u16>();

impl Dot for SplitF32 {
    matrix_tiles!();

    type Lanes = Avx512;
    /// A line of a row's first parts, one of middle ones and one of last ones follow one another.
    type Input = [u16; PARTS];
    type Weight = f32;

    const ENCODING: Encoding = Encoding::SplitF32;
    const ROUNDED: Encoding = Encoding::SplitF32;
    const GROUP: usize = 1;
    const STEP: usize = STEP;
    // So deep all rows stay in the L2 cache, and pass a panel that is split once.
    const BLOCK: usize = 384;
    // Results that become rows are split in the cache where no sum is put away, which is worth more.
    const UNCUT: usize = 1024;
    const PREPARES_PANELS: bool = true;

    #[inline(always)]
    fn encode(row: &[f32], to: &mut [Self::Input]) -> f32 {
        Self::round(row, to.as_flattened_mut());
        1.0
    }

    #[inline(always)]
    fn round(row: &[f32], to: &mut [u16]) {
        let mut values = row.chunks(STEP);
        for step in to.chunks_exact_mut(PARTS * STEP) {
            let values = values.next().unwrap_or_default();
            let (first, second) = values.split_at(values.len().min(Avx512::COUNT));
            // SAFETY: a step has a line for each part. This is called below `enter` alone.
            unsafe { split_row([part_of(first), part_of(second)], step.as_mut_ptr().cast()) };
        }
    }
}

impl Numbers for SplitF32 {
    type Panel = Panel;

    const FINISHED: bool = true;
    const PARTS: usize = PARTS;

    #[inline(always)]
    unsafe fn panel(panel: &mut Panel, tile: &Tile<Self>) -> *const u8 {
        // SAFETY: the caller's promise.
        unsafe { panel.take(tile.weights, tile.groups) }
    }

    #[inline(always)]
    unsafe fn prepare(panel: &mut Panel, tile: &Tile<Self>, _: &mut Ahead) {
        let pairs = (2 * PARTS * tile.next_pairs).div_ceil(PAIR_LINES);
        // SAFETY: the caller's promise.
        unsafe {
            panel
                .next
                .split(tile.next_panel.cast(), tile.next_panel.len() / COLUMNS, pairs);
        };
    }

    /// Of two products that follow one another, one factor is the same, and stays in its registers.
    #[inline(always)]
    unsafe fn step<const BOTH: bool>(rows: *const u8, columns: *const u8) {
        let (first, middle, last) = (0, 1, 2);
        // SAFETY: the caller's promise.
        unsafe {
            load_rows::<BOTH>(rows, middle);
            load_columns(columns, middle);
            add_all::<BOTH>();
            load_rows::<BOTH>(rows, first);
            add_all::<BOTH>();
            load_columns(columns, last);
            add_all::<BOTH>();
            load_columns(columns, first);
            add_all::<BOTH>();
            load_rows::<BOTH>(rows, middle);
            add_all::<BOTH>();
            load_rows::<BOTH>(rows, last);
            add_all::<BOTH>();
        }
    }

    #[inline(always)]
    unsafe fn add<const SUMS: u8, const ROWS: u8, const COLUMNS: u8>() {
        // SAFETY: the caller's promise.
        unsafe { Bf16::add::<SUMS, ROWS, COLUMNS>() }
    }

    #[inline(always)]
    unsafe fn finish(sums: *const i32, row_scale: *const f32, scales: *const f32) -> Avx512 {
        // SAFETY: the caller's promise.
        unsafe { Bf16::finish(sums, row_scale, scales) }
    }
}

/// A part of all rows of a step.
#[inline(always)]
unsafe fn load_rows<const BOTH: bool>(rows: *const u8, part: usize) {
    let stride = PARTS * LINE;
    // SAFETY: the caller's promise.
    unsafe {
        load::<4>(rows.add(part * LINE), stride);
        if BOTH {
            load::<5>(rows.add(SIDE * stride + part * LINE), stride);
        }
    }
}

/// A part of all columns of a step.
#[inline(always)]
unsafe fn load_columns(columns: *const u8, part: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let columns = columns.add(part * SIDE * 2 * LINE);
        load::<6>(columns, 2 * LINE);
        load::<7>(columns.add(LINE), 2 * LINE);
    }
}

/// Adds the products of the loaded rows and columns to all sums.
#[inline(always)]
unsafe fn add_all<const BOTH: bool>() {
    // SAFETY: the caller's promise.
    unsafe {
        SplitF32::add::<0, 4, 6>();
        SplitF32::add::<1, 4, 7>();
        if BOTH {
            SplitF32::add::<2, 5, 6>();
            SplitF32::add::<3, 5, 7>();
        }
    }
}

/// Lines of a pair of values of all columns.
const PAIR_LINES: usize = 2 * COLUMNS * size_of::<f32>() / LINE;

/// How many bytes before they are split weights are fetched into the L1 cache: farther away, what a tile multiplies is in their
/// way.
const AHEAD: usize = 2048;

/// The panel that is multiplied, and the next, which is split meanwhile.
#[derive(Default)]
pub(in super::super::super) struct Panel {
    now: Parts,
    next: Parts,
}

/// A panel in parts, as far as it is split.
#[derive(Default)]
struct Parts {
    /// Where its weights are.
    of: usize,
    /// The pairs of values of the depth that are split.
    pairs: usize,
    /// Step by step, in it part by part, in it pair by pair of the depth, in it column by column.
    values: Aligned,
}

impl Panel {
    /// Where the parts of a panel are, which are made if they are not there.
    ///
    /// # Safety
    /// `depth` values, whole steps, of each column must be readable.
    #[inline(always)]
    unsafe fn take(&mut self, weights: *const f32, depth: usize) -> *const u8 {
        if self.now.of != weights.addr() {
            mem::swap(&mut self.now, &mut self.next);
            // SAFETY: the caller's promise.
            unsafe { self.now.split(weights, depth, usize::MAX) };
        }
        self.now.values.bytes().as_ptr()
    }
}

impl Parts {
    /// Splits at most `most` more pairs of a panel.
    ///
    /// # Safety
    /// `depth` values, whole steps, of each column must be readable.
    #[inline(always)]
    unsafe fn split(&mut self, weights: *const f32, depth: usize, most: usize) {
        if self.of != weights.addr() {
            (self.of, self.pairs) = (weights.addr(), 0);
            self.values.grow(PARTS * depth * COLUMNS * size_of::<u16>());
        }
        let pairs = self.pairs..(depth / 2).min(self.pairs.saturating_add(most));
        self.pairs = pairs.end;
        let to = self.values.bytes_mut().as_mut_ptr();
        for pair in pairs {
            let ahead = weights.cast::<u8>().wrapping_add(AHEAD + pair * PAIR_LINES * LINE);
            (0..PAIR_LINES).for_each(|line| fetch::<1>(ahead.wrapping_add(line * LINE)));
            for half in 0..COLUMNS / SIDE {
                // SAFETY: the caller's promise; a step has `SIDE` pairs, and memory for so many steps was made above.
                unsafe {
                    let from = weights.add(2 * pair * COLUMNS + half * SIDE);
                    let values = [from, from.add(COLUMNS)].map(|from| _mm512_loadu_si512(from.cast()));
                    let line = pair / SIDE * PARTS * SIDE + pair % SIDE;
                    let to = to.add(2 * line * LINE + half * LINE);
                    split(values, |part, [even, odd]| {
                        let pairs = _mm512_or_si512(odd, _mm512_srli_epi32::<16>(even));
                        _mm512_storeu_si512(to.add(part * SIDE * 2 * LINE).cast(), pairs);
                    });
                }
            }
        }
    }
}

/// The first values of a register, zeros in its other lanes.
#[inline(always)]
unsafe fn part_of(values: &[f32]) -> __m512i {
    let lanes = values.len().min(Avx512::COUNT);
    // SAFETY: as many values are read as there are.
    unsafe { _mm512_maskz_loadu_epi32(((1u32 << lanes) - 1) as u16, values.as_ptr().cast()) }
}

/// Writes a line for each part of two registers of a row.
///
/// # Safety
/// So many lines must be writable.
#[inline(always)]
unsafe fn split_row(values: [__m512i; 2], to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let upper: [u16; 32] = array::from_fn(|index| 2 * index as u16 + 1);
        let upper = _mm512_loadu_si512(upper.as_ptr().cast());
        split(values, |part, [first, second]| {
            let halves = _mm512_permutex2var_epi16(first, upper, second);
            _mm512_storeu_si512(to.add(part * LINE).cast(), halves);
        });
    }
}

/// Calls `each` with every part, the largest first, of two registers of f32: as f32, whose lower halves are zeros.
#[inline(always)]
fn split(mut values: [__m512i; 2], mut each: impl FnMut(usize, [__m512i; 2])) {
    for part in 0..PARTS {
        // SAFETY: this is called below `enter` alone; the instructions touch registers alone.
        unsafe {
            let upper = values.map(|value| _mm512_and_si512(value, _mm512_set1_epi32(!0xffff)));
            each(part, upper);
            values = array::from_fn(|index| {
                let [value, upper] = [values[index], upper[index]].map(|bits| _mm512_castsi512_ps(bits));
                _mm512_castps_si512(_mm512_sub_ps(value, upper))
            });
        }
    }
}
