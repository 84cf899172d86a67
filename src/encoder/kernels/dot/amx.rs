//! Products by the tile registers of AMX (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
//! "Programming with Intel AMX"): sixteen rows by sixteen columns, over 64 bytes of the depth, in one instruction.
//!
//! The weights of a panel lie as these registers want them: a row of a register holds a group of each of its columns. Four
//! registers hold sums, of two halves of the rows by two of the columns, so that each that is loaded is used twice.

#![allow(unsafe_code, reason = "instructions of tile registers, once they are detected")]

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _mm512_loadu_si512};
use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::encode::quantize;
use super::super::fetch::fetch_lines;
use super::super::lanes::Lanes;
use super::super::lanes::avx512::Avx512;
use super::super::storage::LINE;
use super::super::tile::Tile;
use super::avx512::{Pairs, bf16_rows, round_bf16};
use super::{Dot, Encoding, Registers, Work, integer_rows};

/// Rows and columns of a register; a row takes a cache line.
const SIDE: usize = 16;
/// Columns of a panel: two registers.
const COLUMNS: usize = 2 * SIDE;

/// Asks the system for tile registers, which it saves for no program that has not asked; whether the processor has them,
/// for bf16 and int8, and the system grants them.
pub(in super::super) fn granted() -> bool {
    /// Bits of EDX in leaf 7 of CPUID: AMX-BF16, AMX-TILE and AMX-INT8.
    const FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    /// `ARCH_REQ_XCOMP_PERM`, for the state component of tiles (Documentation/arch/x86/xstate.rst of Linux).
    const REQUEST: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    __cpuid_count(0, 0).eax >= 7
        && __cpuid_count(7, 0).edx & FEATURES == FEATURES
        // SAFETY: the call reads and writes no memory of the program.
        && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) } == 0
}

/// What `ldtilecfg` reads: how much of each register is used.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Sets the registers up, zeros in all: 0 to 3 for sums, the upper rows' in two and the lower rows' in two, 4 and 5 for
/// upper and lower rows, 6 and 7 for columns. All are used whole, so that no tile needs to set them up anew, which takes as
/// long as a sixth of a product 768 deep.
///
/// # Safety
/// As for all functions below, tile registers must be [`granted`]. The compiler knows nothing of these registers, so that
/// they keep their values from one block of assembler to the next.
#[inline(always)]
unsafe fn set_up() {
    let mut shapes = Shapes {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    shapes.row_bytes[..8].fill(LINE as u16);
    shapes.rows[..8].fill(SIDE as u8);
    // SAFETY: the instruction reads the 64 bytes of `shapes`.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, preserves_flags)) };
}

/// Lets go of all registers, which the system then need not save.
#[inline(always)]
unsafe fn release() {
    // SAFETY: the instruction touches tile registers alone.
    unsafe { asm!("tilerelease", options(nostack, preserves_flags)) };
}

#[inline(always)]
unsafe fn zero<const REGISTER: u8>() {
    // SAFETY: the instruction touches tile registers alone.
    unsafe { asm!("tilezero tmm{}", const REGISTER, options(nostack, preserves_flags)) };
}

/// Loads the rows of a register, each a line, one every `stride` bytes from `from` on; all must be readable.
#[inline(always)]
unsafe fn load<const REGISTER: u8>(from: *const u8, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("tileloadd tmm{}, [{} + {} * 1]", const REGISTER, in(reg) from, in(reg) stride, options(nostack, preserves_flags));
    }
}

/// Stores the rows of a register likewise; all must be writable.
#[inline(always)]
unsafe fn store<const REGISTER: u8>(to: *mut u8, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("tilestored [{} + {} * 1], tmm{}", in(reg) to, in(reg) stride, const REGISTER, options(nostack, preserves_flags));
    }
}

/// What the registers hold.
pub(in super::super) trait Numbers: Dot<Lanes = Avx512> {
    /// Whether the sums are what a product gives, and not in units of row and columns.
    const FINISHED: bool;

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
pub(in super::super) struct Rest<D: Dot> {
    tile: Option<Tile<D>>,
    /// The rows that are left.
    rows: Range<usize>,
    sums: MaybeUninit<Sums>,
}

impl<D: Dot> Default for Rest<D> {
    #[inline(always)]
    fn default() -> Self {
        Self {
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
    let (mut rows, mut weights): (*const u8, *const u8) = (tile.inputs.cast(), tile.weights.cast());
    let mut next_weights = tile.next_weights;
    let steps = tile.groups / SIDE;
    let finished = rest.rows.len().div_ceil(steps.max(1));
    for _ in 0..steps {
        // SAFETY: the caller's promise: the depth is whole steps, each a line of every row and sixteen groups of the
        // columns, which are two lines.
        unsafe {
            load::<6>(weights, 2 * LINE);
            load::<7>(weights.add(LINE), 2 * LINE);
            load::<4>(rows, LINE);
            D::add::<0, 4, 6>();
            D::add::<1, 4, 7>();
            if BOTH {
                load::<5>(rows.add(SIDE * LINE), LINE);
                D::add::<2, 5, 6>();
                D::add::<3, 5, 7>();
            }
            rest.finish(finished);
        }
        weights = weights.wrapping_add(SIDE * 2 * LINE);
        rows = rows.wrapping_add(2 * SIDE * LINE);
        next_weights = fetch_lines(next_weights, tile.next_lines);
    }
}

/// How both kinds of numbers multiply a tile, and what its rows and steps are.
macro_rules! matrix_tiles {
    () => {
        type Rest = Rest<Self>;

        const STEP: usize = SIDE * Self::GROUP;
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

    const BLOCK: usize = 1536;
}

impl Numbers for Bf16 {
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

    #[inline(always)]
    fn round(row: &[f32], to: &mut [u16]) {
        round_bf16(row, to);
    }
}

impl Numbers for Int8 {
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
