//! A register of f32 values, one type an instruction set, and the operations that the other files are written with.

#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod portable;

use std::ops::{Add, Div, Mul, Sub};

use super::dot::{Dot, Work};

/// The most values that a register of any instruction set holds.
pub(super) const MOST: usize = 16;

/// A register of f32 values.
///
/// Its functions are safe to call only where the processor has the instruction set. That is so wherever they are called
/// from: generic code reaches a type of this trait through [`Lanes::enter`] alone, and only `Kernels`, which has asked the
/// processor, names the types. All are `#[inline(always)]`, as is all generic code over them, so that it ends up inside
/// the function that enables the instructions.
pub(super) trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// A register of as many i32.
    type Integers: Copy;

    /// Values in a register.
    const COUNT: usize;
    /// Registers that a row of a tile takes: with six rows, what the instruction set's registers hold.
    const PANEL: usize;
    /// [`Dot::BLOCK`] of products in f32.
    const BLOCK: usize = 768;

    /// Runs `work` in a function that is compiled for the instruction set. It must be `#[inline(never)]`: a tile that the
    /// compiler pulls into the loops around it shares its registers with them.
    ///
    /// # Safety
    /// The processor must have the instruction set.
    unsafe fn enter<D: Dot, W: Work>(work: W) -> W::Output;

    /// `value` in all lanes.
    fn splat(value: f32) -> Self;

    /// # Safety
    /// `COUNT` values must be readable; they need no alignment.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    /// `COUNT` values must be writable; they need no alignment.
    unsafe fn store(self, to: *mut f32);

    /// The first `count` values, zeros in the other lanes.
    ///
    /// # Safety
    /// `count <= COUNT` values must be readable.
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut values = [0.0; MOST];
        // SAFETY: the caller's promise, and `values` holds as many as any register.
        unsafe {
            std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), count);
            Self::load(values.as_ptr())
        }
    }

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `count <= COUNT` values must be writable.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        let mut values = [0.0; MOST];
        // SAFETY: the caller's promise, and `values` holds as many as any register.
        unsafe {
            self.store(values.as_mut_ptr());
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, count);
        }
    }

    /// Values in bf16, the upper halves of f32.
    ///
    /// # Safety
    /// `COUNT` values must be readable.
    unsafe fn load_bf16(from: *const u16) -> Self;

    /// The upper three bytes of as many i32 whose lowest are zeros.
    ///
    /// # Safety
    /// `COUNT` of them must be readable.
    unsafe fn load_upper(from: *const [u8; 3]) -> Self::Integers;

    /// `self * factor + addend`, in one rounding where the instruction set has the instruction.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `1 / self` to within 2^-22 of it; 0 where that is less than 2^-126.
    #[inline(always)]
    fn reciprocal(self) -> Self {
        Self::splat(1.0) / self
    }

    /// The larger of both; a NaN of `self` stays.
    fn max(self, other: Self) -> Self;

    /// The smaller of both; a NaN of `self` stays.
    fn min(self, other: Self) -> Self;

    /// The absolute value.
    fn abs(self) -> Self;

    /// The square root.
    fn square_root(self) -> Self;

    /// `2^n`, where `n` is in the low bits of `self` as adding 1.5 * 2^23 leaves it.
    fn power_of_two(self) -> Self;

    /// Zeros.
    fn no_integers() -> Self::Integers;

    /// The nearest f32 of each.
    fn from_integers(integers: Self::Integers) -> Self;

    /// The sum of all lanes.
    #[inline(always)]
    fn sum(self) -> f32 {
        let mut values = [0.0; MOST];
        // SAFETY: `values` holds as many as any register.
        unsafe { self.store(values.as_mut_ptr()) };
        let mut half = MOST / 2;
        while half > 0 {
            for lane in 0..half {
                values[lane] += values[lane + half];
            }
            half /= 2;
        }
        values[0]
    }

    /// The largest of all lanes.
    #[inline(always)]
    fn largest(self) -> f32 {
        let mut values = [f32::NEG_INFINITY; MOST];
        // SAFETY: `values` holds as many as any register.
        unsafe { self.store(values.as_mut_ptr()) };
        let mut half = MOST / 2;
        while half > 0 {
            for lane in 0..half {
                values[lane] = values[lane].max(values[lane + half]);
            }
            half /= 2;
        }
        values[0]
    }

    /// The first `count` lanes, and the others of `rest`.
    #[inline(always)]
    fn first_or(self, count: usize, rest: Self) -> Self {
        let mut values = [0.0; MOST];
        // SAFETY: `values` holds as many as any register.
        unsafe {
            rest.store(values.as_mut_ptr());
            self.store_first(values.as_mut_ptr(), count.min(Self::COUNT));
            Self::load(values.as_ptr())
        }
    }
}

/// The four operators of a register type, each an instruction.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! operators {
    ($register:ident, $($operator:ident, $function:ident, $instruction:path;)*) => {$(
        impl std::ops::$operator for $register {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                // SAFETY: a register exists only where the processor has the instruction set.
                Self(unsafe { $instruction(self.0, other.0) })
            }
        }
    )*};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use operators;
