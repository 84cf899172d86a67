//! f32 by weights of 24 bits, which come from memory in three quarters of the time: what few rows wait for.
//!
//! A weight is the upper three bytes of an i32 in units of its output, a power of two: nothing is rounded in making it an f32,
//! nor by leaving the units to the end, whatever is below 2^96. A few rows pass a panel in one tile, which does both in registers.
//! More rows pass it in several: the first keeps the panel as f32, in the L1 cache, and the others read that as [`Float`]
//! does. A row's results are the same either way.

#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::marker::PhantomData;

use super::super::lanes::Lanes;
use super::super::layout::PANEL_BYTES;
use super::super::storage::{Aligned, LINE};
use super::super::tile::{ROWS, Tile};
use super::{Dot, Encoding, Float, Registers, Work, float_rows, float_sums, register_tiles};

/// Rows that are few: the places of more would not fit in the general registers.
const FEW: usize = 9;

/// What is the same of both here: how rows are kept, and that panels stay in the L1 cache as f32.
macro_rules! fixed_rows {
    () => {
        float_rows!(L);

        type Weight = [u8; 3];

        const ENCODING: Encoding = Encoding::F32;
        const BLOCK: usize = PANEL_BYTES / (Self::PANEL * size_of::<f32>());

        #[inline(always)]
        fn encode(row: &[f32], to: &mut [f32]) -> f32 {
            Float::<L>::encode(row, to)
        }
    };
}

/// f32 by weights of 24 bits.
pub(in super::super) struct FixedF32<L>(PhantomData<L>);

impl<L: Lanes> Dot for FixedF32<L> {
    fixed_rows!();

    type Rest = Panel;

    const ROWS: usize = if L::PANEL > 1 { FEW } else { ROWS };

    #[inline(always)]
    fn rows(count: usize) -> usize {
        if count <= Self::ROWS { Self::ROWS } else { ROWS }
    }

    #[inline(always)]
    unsafe fn multiply(tile: Tile<Self>, rows: usize, panel: &mut Panel) {
        // SAFETY: the caller's promise.
        unsafe {
            if tile.rows_of_panel <= Self::ROWS {
                multiply_few(tile, rows);
            } else {
                panel.multiply(tile, rows);
            }
            tile.finish(0..rows);
        }
    }

    #[inline(always)]
    unsafe fn end(_: &mut Panel) {}
}

/// Multiplies half the registers of a panel at a time, which leaves room for the sums of more rows.
///
/// # Safety
/// As for [`Dot::multiply`].
#[inline(always)]
unsafe fn multiply_few<L: Lanes>(tile: Tile<FixedF32<L>>, rows: usize) {
    let columns = L::PANEL.div_ceil(2) * L::COUNT;
    let parts = tile.columns.div_ceil(columns);
    let lines = (tile.groups * size_of::<f32>()).div_ceil(LINE);
    let mut tile = tile.with::<Only<L>>(tile.weights);
    tile.next_pairs = tile.next_pairs.div_ceil(parts);
    for part in 0..parts {
        // SAFETY: the caller's promise.
        unsafe { tile.part(part * columns, columns).in_registers(rows) };
        tile.next_weights = tile.next_weights.wrapping_add(tile.next_pairs * lines * LINE);
    }
}

/// A panel of f32, once its first tile was multiplied.
#[derive(Default)]
pub(in super::super) struct Panel {
    /// Where its weights are.
    of: usize,
    values: Aligned,
}

impl Panel {
    /// # Safety
    /// As for [`Dot::multiply`].
    #[inline(always)]
    unsafe fn multiply<L: Lanes>(&mut self, tile: Tile<FixedF32<L>>, rows: usize) {
        let kept = self.values.numbers_mut(FixedF32::<L>::PANEL * tile.groups).as_mut_ptr();
        let is_kept = self.of == tile.weights.addr();
        self.of = tile.weights.addr();
        // SAFETY: the caller's promise; the memory is as large as a panel of the tile's groups.
        unsafe {
            if is_kept {
                tile.with::<Float<L>>(kept).in_registers(rows);
            } else {
                let tile = tile.with::<First<L>>(tile.weights);
                Tile { kept, ..tile }.in_registers(rows);
            }
        }
    }
}

/// f32 by weights of 24 bits, in registers: in the only tile that passes a panel, or in the first of several, which keeps it. Sums
/// are in units of their output.
struct Widened<L, const KEEPS: bool>(PhantomData<L>);

type Only<L> = Widened<L, false>;
type First<L> = Widened<L, true>;

impl<L: Lanes, const KEEPS: bool> Dot for Widened<L, KEEPS> {
    register_tiles!();
    fixed_rows!();

    const ROWS: usize = if KEEPS { ROWS } else { FEW };
}

impl<L: Lanes, const KEEPS: bool> Registers for Widened<L, KEEPS> {
    float_sums!(L);

    // Few rows' share of the panel after theirs is three quarters of a power of two of lines. To fetch a quarter of them twice is
    // less than to fetch them unevenly.
    const FETCHED: usize = if KEEPS { LINE } else { 3 * LINE / 4 };

    #[inline(always)]
    unsafe fn start(addend: L, _: *const i32, scales: *const f32) -> L {
        // SAFETY: the caller's promise.
        addend / unsafe { L::load(scales) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const [u8; 3]) -> L {
        // SAFETY: the caller's promise.
        L::from_integers(unsafe { L::load_upper(from) })
    }

    #[inline(always)]
    unsafe fn keep(weights: L, scales: *const f32, to: *mut f32) {
        if KEEPS {
            // SAFETY: the caller's promise.
            unsafe { (weights * L::load(scales)).store(to) };
        }
    }

    #[inline(always)]
    unsafe fn finish(sums: L, _: *const f32, scales: *const f32) -> L {
        // SAFETY: the caller's promise.
        sums * unsafe { L::load(scales) }
    }
}
