//! How rows and weights of each precision are multiplied: the inner step of the packed product, one type an instruction
//! set and precision. Most work in registers, [`Registers`]; `amx` has tiles of its own.

#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) mod amx;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod fixed;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod portable;

use std::marker::PhantomData;

use super::encode::{LARGEST_INT8, LARGEST_INT16, Weight, bf16_bits, largest_of_row, widened};
use super::lanes::Lanes;
use super::storage::{LINE, Number};
use super::tile::{ROWS, Tile};

/// Something to do with the instructions of one [`Dot`]. `run` and everything hot that it calls must be
/// `#[inline(always)]`.
pub(super) trait Work {
    type Output;

    fn run<D: Dot>(self) -> Self::Output;
}

/// How a row is stored for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each architecture has some of them")]
pub(in crate::encoder::kernels) enum Encoding {
    /// As it is.
    F32,
    /// f32, rounded to what bf16 can hold.
    RoundedF32,
    /// bf16, in pairs.
    Bf16,
    /// Three numbers of bf16 whose sum it is.
    SplitF32,
    /// int8.
    Int8,
    /// i16, of which twelve bits are used.
    Int16,
    /// int8 plus 128.
    Uint8,
}

/// How rows and packed weights are stored, and multiplied a tile at a time.
///
/// As with [`Lanes`], the functions may be called in code below `enter` alone.
pub(super) trait Dot: Sized {
    type Lanes: Lanes;
    /// A value of a row, as it is multiplied.
    type Input: Number;
    /// A weight, as it is stored.
    type Weight: Weight + Number;
    /// What is left to do of a tile.
    type Rest: Default;

    /// How `encode` converts.
    const ENCODING: Encoding;
    /// What `round` converts to.
    const ROUNDED: Encoding = Encoding::Bf16;
    /// Values of the depth that lie together ("group").
    const GROUP: usize;
    /// Values of the depth in a step of a product: whole groups. The depth is filled up to whole steps, with zeros.
    const STEP: usize = Self::GROUP;
    /// Columns of a panel.
    const PANEL: usize = Self::Lanes::PANEL * Self::Lanes::COUNT;
    /// The most rows of a tile.
    const ROWS: usize = ROWS;
    /// Rows that lie together ([`Arrangement`]): a tile begins with the first of them, and reads all, of which those beyond its
    /// own may hold anything.
    const ROWS_TOGETHER: usize = 1;
    /// After about as many values of the depth sums are added to the output: what of a panel stays in the L1 cache while all
    /// rows pass. The sums of integers are finished only once, hence never cut.
    const BLOCK: usize;
    /// Up to this depth nothing is cut.
    const UNCUT: usize = 0;
    /// Whether a panel is prepared before it is multiplied, so that all rows pass it before the next panel's turn.
    const PREPARES_PANELS: bool = false;

    /// The most rows of a tile where `count` pass the panel.
    #[inline(always)]
    fn rows(_count: usize) -> usize {
        Self::ROWS
    }

    /// Runs `work` in a function that is compiled for the instructions.
    ///
    /// # Safety
    /// The processor must have them.
    unsafe fn enter<W: Work>(work: W) -> W::Output;

    /// Converts a row and gives its scale; what is left of `to` becomes zeros.
    fn encode(row: &[f32], to: &mut [Self::Input]) -> f32;

    /// Rounds a row of results to what [`Dot::ROUNDED`] says; what is left of `to` becomes zeros.
    #[inline(always)]
    fn round(row: &[f32], to: &mut [u16]) {
        let (values, rest) = to.split_at_mut(row.len().min(to.len()));
        for (to, value) in values.iter_mut().zip(row) {
            *to = bf16_bits(*value);
        }
        rest.fill(0);
    }

    /// Multiplies `rows` rows of `tile`, of which there are at most `ROWS`. Something of it may be left to do, which is done
    /// while the next is multiplied, or by [`Dot::end`].
    ///
    /// # Safety
    /// The pointers must be as the tile's fields say, until nothing is left to do.
    unsafe fn multiply(tile: Tile<Self>, rows: usize, rest: &mut Self::Rest);

    /// Does what is left to do.
    ///
    /// # Safety
    /// The pointers must be as the fields of the tile say that something is left of.
    unsafe fn end(rest: &mut Self::Rest);
}

/// Dot products of one row with a register of columns, a group of the depth at a time.
pub(super) trait Registers: Dot {
    /// The sums of a register of columns.
    type Sums: Copy;
    /// A group of one row, in all lanes.
    type Inputs: Copy;
    /// A group of a register of columns.
    type Weights: Copy;

    /// Whether sums begin with what they are added to: floating-point ones. The others are added to it when they are finished.
    const BEGUN: bool;
    /// Bytes from one line of weights that is fetched early to the next.
    const FETCHED: usize = LINE;

    /// The sums before the first group. `addend` is what they begin with where they do so; `totals` are those of the columns'
    /// weights, for integers alone.
    ///
    /// # Safety
    /// A register of `totals` must be readable where the sums are integers, and one of `scales` where weights have such.
    unsafe fn start(addend: Self::Lanes, totals: *const i32, scales: *const f32) -> Self::Sums;

    /// # Safety
    /// `GROUP` values must be readable.
    unsafe fn inputs(from: *const Self::Input) -> Self::Inputs;

    /// # Safety
    /// A register of groups must be readable.
    unsafe fn weights(from: *const Self::Weight) -> Self::Weights;

    /// Keeps a register of weights as f32, where other tiles are to read them so.
    ///
    /// # Safety
    /// A register of `scales` must be readable, and one of f32 writable, if so.
    #[inline(always)]
    unsafe fn keep(_weights: Self::Weights, _scales: *const f32, _to: *mut f32) {}

    /// `sums + inputs * weights`.
    fn add(sums: Self::Sums, inputs: Self::Inputs, weights: Self::Weights) -> Self::Sums;

    /// The sums, no longer in units of row and columns where they were.
    ///
    /// # Safety
    /// `row_scale` must be readable where the sums are integers, and a register of `scales` where weights have such.
    unsafe fn finish(sums: Self::Sums, row_scale: *const f32, scales: *const f32) -> Self::Lanes;
}

/// How all [`Registers`] multiply a tile.
macro_rules! register_tiles {
    () => {
        type Rest = ();

        #[inline(always)]
        unsafe fn end(_: &mut ()) {}

        #[inline(always)]
        unsafe fn multiply(tile: $crate::encoder::kernels::tile::Tile<Self>, rows: usize, _: &mut ()) {
            // SAFETY: the caller's promise.
            unsafe {
                tile.in_registers(rows);
                tile.finish(0..rows);
            }
        }
    };
}
use register_tiles;

/// What is the same of all dot products that sum in f32, one value of the depth after another: how rows are kept.
macro_rules! float_rows {
    ($lanes:ident) => {
        type Lanes = $lanes;
        type Input = f32;

        const GROUP: usize = 1;

        #[inline(always)]
        unsafe fn enter<W: Work>(work: W) -> W::Output {
            // SAFETY: the caller's promise.
            unsafe { $lanes::enter::<Self, W>(work) }
        }
    };
}
use float_rows;

/// As `float_rows`: how registers of them are multiplied.
macro_rules! float_sums {
    ($lanes:ident) => {
        type Sums = $lanes;
        type Inputs = $lanes;
        type Weights = $lanes;

        const BEGUN: bool = true;

        #[inline(always)]
        unsafe fn inputs(from: *const f32) -> $lanes {
            // SAFETY: the caller's promise.
            $lanes::splat(unsafe { *from })
        }

        #[inline(always)]
        fn add(sums: $lanes, inputs: $lanes, weights: $lanes) -> $lanes {
            inputs.mul_add(weights, sums)
        }
    };
}
use float_sums;

/// As `float_sums`, where weights are in no units.
macro_rules! plain_sums {
    ($lanes:ident) => {
        float_sums!($lanes);

        #[inline(always)]
        unsafe fn start(addend: $lanes, _: *const i32, _: *const f32) -> $lanes {
            addend
        }

        #[inline(always)]
        unsafe fn finish(sums: $lanes, _: *const f32, _: *const f32) -> $lanes {
            sums
        }
    };
}

/// f32 by f32.
pub(super) struct Float<L>(PhantomData<L>);

impl<L: Lanes> Dot for Float<L> {
    register_tiles!();
    float_rows!(L);

    type Weight = f32;

    const BLOCK: usize = L::BLOCK;
    const ENCODING: Encoding = Encoding::F32;

    #[inline(always)]
    fn encode(row: &[f32], to: &mut [f32]) -> f32 {
        let (values, rest) = to.split_at_mut(row.len().min(to.len()));
        values.copy_from_slice(&row[..values.len()]);
        rest.fill(0.0);
        1.0
    }
}

impl<L: Lanes> Registers for Float<L> {
    plain_sums!(L);

    #[inline(always)]
    unsafe fn weights(from: *const f32) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load(from) }
    }
}

/// bf16 by bf16 where the processor cannot multiply them: rounded alike, and widened to f32, the rows once and the weights
/// each time that they are read.
pub(super) struct WideBf16<L>(PhantomData<L>);

impl<L: Lanes> Dot for WideBf16<L> {
    register_tiles!();
    float_rows!(L);

    type Weight = u16;

    const BLOCK: usize = L::BLOCK;
    const ENCODING: Encoding = Encoding::RoundedF32;

    #[inline(always)]
    fn encode(row: &[f32], to: &mut [f32]) -> f32 {
        let (values, rest) = to.split_at_mut(row.len().min(to.len()));
        for (to, value) in values.iter_mut().zip(row) {
            *to = widened(bf16_bits(*value));
        }
        rest.fill(0.0);
        1.0
    }
}

impl<L: Lanes> Registers for WideBf16<L> {
    plain_sums!(L);

    #[inline(always)]
    unsafe fn weights(from: *const u16) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load_bf16(from) }
    }
}

impl Encoding {
    /// How many numbers of 16 bits [`Dot::round`] makes of a result that becomes so encoded.
    pub(super) fn parts(self) -> usize {
        if self == Self::SplitF32 { 3 } else { 1 }
    }

    /// The largest magnitude of the whole numbers that a row of `depth` values is rounded to; 0 where it is not.
    #[inline(always)]
    pub(super) fn largest(self, depth: usize) -> i32 {
        match self {
            Self::F32 | Self::RoundedF32 | Self::Bf16 | Self::SplitF32 => 0,
            Self::Int8 | Self::Uint8 => largest_of_row(LARGEST_INT8, depth),
            Self::Int16 => largest_of_row(LARGEST_INT16, depth),
        }
    }
}

/// What is the same of all dot products of integers: how rows are kept, and that sums are never cut. `$offset` is what the
/// rows' values are stored above their own, so that they have no sign; it is taken back out by the totals of the weights.
macro_rules! integer_rows {
    ($lanes:ty, $input:ty, $encoding:ident, offset: $offset:literal, group: $group:literal) => {
        type Lanes = $lanes;
        type Input = $input;
        type Weight = i8;

        const ENCODING: Encoding = Encoding::$encoding;
        const GROUP: usize = $group;
        const BLOCK: usize = usize::MAX;

        #[inline(always)]
        fn encode(row: &[f32], to: &mut [$input]) -> f32 {
            let most = Self::ENCODING.largest(row.len());
            quantize::<$lanes, $input>(row, to, most, |value| (value + $offset) as $input)
        }
    };
}
use integer_rows;

/// As `integer_rows`: integer sums in registers, and their scales.
macro_rules! integer_sums {
    ($lanes:ty) => {
        type Sums = <$lanes as Lanes>::Integers;

        const BEGUN: bool = false;

        #[inline(always)]
        unsafe fn finish(sums: Self::Sums, row_scale: *const f32, scales: *const f32) -> $lanes {
            // SAFETY: the caller's promise.
            let (row_scale, scales) = unsafe { (<$lanes>::splat(*row_scale), <$lanes>::load(scales)) };
            <$lanes>::from_integers(sums) * (scales * row_scale)
        }
    };
}
use integer_sums;
