//! Products by the tile registers of AMX (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
//! "Programming with Intel AMX"): sixteen rows by sixteen columns, over 64 bytes of the depth, in one instruction.
//!
//! The weights of a panel lie as these registers want them: a row of a register holds a group of each of its columns. Four
//! registers hold sums, of two halves of the rows by two of the columns, so that each that is loaded is used twice.
//!
//! | file | what |
//! | --- | --- |
//! | `registers` | setting registers up, loading and storing them |
//! | `split` | products of f32 by those of bf16 |

#![allow(unsafe_code, reason = "instructions of tile registers, once they are detected")]

use std::arch::asm;
use std::arch::x86_64::_mm512_loadu_si512;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::encode::quantize;
use super::super::fetch::Ahead;
use super::super::lanes::Lanes;
use super::super::lanes::avx512::Avx512;
use super::super::storage::LINE;
use super::super::tile::Tile;
use super::avx512::{Pairs, bf16_rows, round_bf16};
use super::{Dot, Encoding, Registers, Work, integer_rows};

mod registers;
pub(in super::super) mod split;

pub(in super::super) use registers::granted;
use registers::{load, release, set_up, store, zero};

/// Rows and columns of a register; a row takes a cache line.
const SIDE: usize = 16;
/// Columns of a panel: two registers.
const COLUMNS: usize = 2 * SIDE;

/// What the registers hold.
pub(in super::super) trait Numbers: Dot<Lanes = Avx512> {
    /// Whether the sums are what a product gives, and not in units of row and columns.
    const FINISHED: bool;
    /// The numbers that a value is the sum of: lines of a row in a step, and registers of sixteen columns.
    const PARTS: usize = 1;

    /// What is kept of a panel from tile to tile.
    type Panel: Default;

    /// Where the panel of a tile lies as the registers want it.
    ///
    /// # Safety
    /// The pointers of the tile must be as its fields say.
    #[inline(always)]
    unsafe fn panel(_: &mut Self::Panel, tile: &Tile<Self>) -> *const u8 {
        tile.weights.cast()
    }

    /// Does a share of what the next panel needs: fetches a few lines of its weights.
    ///
    /// # Safety
    /// As for [`Numbers::panel`].
    #[inline(always)]
    unsafe fn prepare(_: &mut Self::Panel, _: &Tile<Self>, ahead: &mut Ahead) {
        ahead.fetch(LINE);
    }

    /// Adds the products of a step of rows and of columns to the sums; `BOTH` says whether there are lower rows.
    ///
    /// # Safety
    /// The registers must be set up; `PARTS` lines of every row and twice as many of every group must be readable.
    #[inline(always)]
    unsafe fn step<const BOTH: bool>(rows: *const u8, columns: *const u8) {
        // SAFETY: the caller's promise.
        unsafe {
            load::<6>(columns, 2 * LINE);
            load::<7>(columns.add(LINE), 2 * LINE);
            load::<4>(rows, LINE);
            Self::add::<0, 4, 6>();
            Self::add::<1, 4, 7>();
            if BOTH {
                load::<5>(rows.add(SIDE * LINE), LINE);
                Self::add::<2, 5, 6>();
                Self::add::<3, 5, 7>();
            }
        }
    }

    /// Adds to the sums in one register the products of the rows in another and the columns in a third.
    ///
    /// # Safety
    /// The registers must be set up.
    unsafe fn add<const SUMS: u8, const ROWS: u8, const COLUMNS: u8>();

    /// Sixteen sums, as a register stores them, in units of row and columns.
    ///
    /// # Safety
    /// `sums` must be readable, and `row_scale` and a register of `scales` where they are integers.
    unsafe fn finish(sums: *const i32, row_scale: *const f32, scales: *const f32) -> Avx512;
}

/// The sums of a tile, f32 or i32.
#[repr(C, align(64))]
struct Sums([[i32; COLUMNS]; 2 * SIDE]);

/// A tile whose sums are not yet its output. They become so while the next tile is multiplied, which leaves most of the core
/// idle, where they need more than to be stored.
pub(in super::super) struct Rest<D: Numbers> {
    /// The panel of that tile, or of the one before.
    panel: D::Panel,
    tile: Option<Tile<D>>,
    /// The rows that are left.
    rows: Range<usize>,
    sums: MaybeUninit<Sums>,
}

impl<D: Numbers> Default for Rest<D> {
    #[inline(always)]
    fn default() -> Self {
        Self {
            panel: D::Panel::default(),
            tile: None,
            rows: 0..0,
            sums: MaybeUninit::uninit(),
        }
    }
}

impl<D: Numbers> Rest<D> {
    /// Finishes the next `count` rows, as far as there are.
    ///
    /// # Safety
    /// The pointers of the tile must be as its fields say.
    #[inline(always)]
    unsafe fn finish(&mut self, count: usize) {
        let rows = self.rows.start..self.rows.end.min(self.rows.start + count);
        let Some(tile) = self.tile.as_ref().filter(|_| !rows.is_empty()) else {
            return;
        };
        self.rows.start = rows.end;
        let sums: *const i32 = self.sums.as_ptr().cast();
        // SAFETY: the caller's promise; the sums of all its rows were stored with the tile.
        unsafe {
            for row in rows.clone() {
                for column in (0..tile.columns).step_by(SIDE) {
                    let (row_scale, scales) = (tile.row_scales.wrapping_add(row), tile.scales.wrapping_add(column));
                    let sums = sums.add(row * COLUMNS + column);
                    tile.put::<false>(row, column, D::finish(sums, row_scale, scales));
                }
            }
            tile.finish(rows);
        }
    }
}

/// Multiplies the tile's rows with its panel. Sums that begin with all that is to be added to them go from the registers to the
/// output, where nothing more is to be done; a row's begin so in every tile, or in none, as its last bit depends on it.
///
/// # Safety
/// As for [`Dot::multiply`]; the registers must be set up.
#[inline(always)]
unsafe fn multiply<D: Numbers>(tile: Tile<D>, rows: usize, rest: &mut Rest<D>) {
    let (whole, both) = (tile.columns == COLUMNS && rows.is_multiple_of(SIDE), rows > SIDE);
    let begun = D::FINISHED && !tile.accumulate;
    // SAFETY: the caller's promise; a bias is there for a whole panel, and read as that of every row.
    unsafe {
        if tile.rounded.is_none() {
            tile.fetch_output(rows, COLUMNS);
        }
        match tile.bias {
            Some(bias) if begun => start_with(bias.cast(), 0, both),
            _ => zeros(both),
        }
        if both {
            add_steps::<D, true>(&tile, rest);
        } else {
            add_steps::<D, false>(&tile, rest);
        }
        rest.finish(2 * SIDE);
        if begun && whole && tile.activation.is_none() && tile.rounded.is_none() {
            store_all(tile.output.cast(), tile.output_stride * size_of::<f32>(), both);
            return;
        }
        store_all(rest.sums.as_mut_ptr().cast(), 2 * LINE, both);
        let bias = tile.bias.filter(|_| !begun);
        (rest.tile, rest.rows) = (Some(Tile { bias, ..tile }), 0..rows);
    }
}

/// Zeros as the sums of the upper rows, and where there are `both` of the lower ones.
#[inline(always)]
unsafe fn zeros(both: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        zero::<0>();
        zero::<1>();
        if both {
            zero::<2>();
            zero::<3>();
        }
    }
}

/// Loads the same sums, each row `stride` bytes after the last.
#[inline(always)]
unsafe fn start_with(from: *const u8, stride: usize, both: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        load::<0>(from, stride);
        load::<1>(from.add(LINE), stride);
        if both {
            load::<2>(from.add(SIDE * stride), stride);
            load::<3>(from.add(SIDE * stride + LINE), stride);
        }
    }
}

/// Stores the same sums likewise.
#[inline(always)]
unsafe fn store_all(to: *mut u8, stride: usize, both: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        store::<0>(to, stride);
        store::<1>(to.add(LINE), stride);
        if both {
            store::<2>(to.add(SIDE * stride), stride);
            store::<3>(to.add(SIDE * stride + LINE), stride);
        }
    }
}

/// Adds the products of the tile's rows and its panel to the same sums, while the rest of the last tile is finished; `BOTH` says
/// whether there are lower rows.
#[inline(always)]
unsafe fn add_steps<D: Numbers, const BOTH: bool>(tile: &Tile<D>, rest: &mut Rest<D>) {
    // SAFETY: the caller's promise.
    let mut columns = unsafe { D::panel(&mut rest.panel, tile) };
    let mut rows: *const u8 = tile.inputs.cast();
    let steps = tile.groups * D::GROUP / D::STEP;
    let mut ahead = Ahead::new(tile.next_weights, D::PARTS * tile.next_pairs, tile.next_apart);
    let finished = rest.rows.len().div_ceil(steps.max(1));
    for _ in 0..steps {
        // SAFETY: the caller's promise: the depth is whole steps, each for every part a line of every row and sixteen groups of
        // the columns, which are two lines.
        unsafe {
            D::step::<BOTH>(rows, columns);
            rest.finish(finished);
            D::prepare(&mut rest.panel, tile, &mut ahead);
        }
        columns = columns.wrapping_add(D::PARTS * SIDE * 2 * LINE);
        rows = rows.wrapping_add(D::PARTS * 2 * SIDE * LINE);
    }
}

/// How all kinds of numbers multiply a tile, and what its rows are.
macro_rules! matrix_tiles {
    () => {
        type Rest = Rest<Self>;

        const PANEL: usize = COLUMNS;
        const ROWS: usize = 2 * SIDE;
        // A tile's rows lie as the registers load them, all in one stretch of memory: read from as many places as there are
        // rows, they would take as many of the few pages that the core knows the places of.
        const ROWS_TOGETHER: usize = 2 * SIDE;

        #[inline(never)]
        unsafe fn enter<W: Work>(work: W) -> W::Output {
            // SAFETY: the caller's promise; every processor with AMX has these parts of AVX-512, and they are asked for
            // beside it.
            unsafe { enter::<Self, W>(work) }
        }

        #[inline(always)]
        unsafe fn multiply(tile: Tile<Self>, rows: usize, rest: &mut Rest<Self>) {
            // SAFETY: the caller's promise; this is called below `enter` alone.
            unsafe { multiply(tile, rows, rest) }
        }

        #[inline(always)]
        unsafe fn end(rest: &mut Rest<Self>) {
            // SAFETY: the caller's promise.
            unsafe { rest.finish(2 * SIDE) }
        }
    };
}

use matrix_tiles;

/// # Safety
/// Tile registers must be [`granted`], and the processor must have these parts of AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn enter<D: Dot, W: Work>(work: W) -> W::Output {
    // SAFETY: the caller's promise.
    unsafe {
        set_up();
        let output = work.run::<D>();
        release();
        output
    }
}

/// bf16 by bf16: pairs of products.
pub(in super::super) struct Bf16;

impl Dot for Bf16 {
    matrix_tiles!();
    bf16_rows!();

    const STEP: usize = SIDE * Self::GROUP;
    const BLOCK: usize = 1536;
}

impl Numbers for Bf16 {
    type Panel = ();

    const FINISHED: bool = true;

    #[inline(always)]
    unsafe fn add<const SUMS: u8, const ROWS: u8, const COLUMNS: u8>() {
        // SAFETY: the instruction touches tile registers alone.
        unsafe {
            asm!("tdpbf16ps tmm{}, tmm{}, tmm{}", const SUMS, const ROWS, const COLUMNS, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn finish(sums: *const i32, _: *const f32, _: *const f32) -> Avx512 {
        // SAFETY: the caller's promise.
        unsafe { Avx512::load(sums.cast()) }
    }
}

/// int8 by int8: four products at a time.
pub(in super::super) struct Int8;

impl Dot for Int8 {
    matrix_tiles!();
    integer_rows!(Avx512, i8, Int8, offset: 0, group: 4);

    const STEP: usize = SIDE * Self::GROUP;

    #[inline(always)]
    fn round(row: &[f32], to: &mut [u16]) {
        round_bf16(row, to);
    }
}

impl Numbers for Int8 {
    type Panel = ();

    const FINISHED: bool = false;

    #[inline(always)]
    unsafe fn add<const SUMS: u8, const ROWS: u8, const COLUMNS: u8>() {
        // SAFETY: the instruction touches tile registers alone.
        unsafe {
            asm!("tdpbssd tmm{}, tmm{}, tmm{}", const SUMS, const ROWS, const COLUMNS, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn finish(sums: *const i32, row_scale: *const f32, scales: *const f32) -> Avx512 {
        // SAFETY: the caller's promise.
        unsafe { Pairs::finish(_mm512_loadu_si512(sums.cast()), row_scale, scales) }
    }
}
