#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

use super::super::dot::{Dot, Work};
use super::Lanes;

const COUNT: usize = 8;

/// Eight values as an array, which the compiler spreads over what registers the target has.
#[derive(Clone, Copy)]
pub(in super::super) struct Portable([f32; COUNT]);

impl Portable {
    #[inline(always)]
    fn with(self, other: Self, function: impl Fn(f32, f32) -> f32) -> Self {
        Self(from_fn(|lane| function(self.0[lane], other.0[lane])))
    }
}

impl Add for Portable {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl Sub for Portable {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl Mul for Portable {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
}

impl Div for Portable {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }
}

impl Lanes for Portable {
    type Integers = [i32; COUNT];

    const COUNT: usize = COUNT;
    const PANEL: usize = 1;

    #[inline(never)]
    unsafe fn enter<D: Dot, W: Work>(work: W) -> W::Output {
        work.run::<D>()
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; COUNT])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; an array has the alignment of its values.
        Self(unsafe { from.cast::<[f32; COUNT]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise; an array has the alignment of its values.
        unsafe { to.cast::<[f32; COUNT]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller's promise; an array has the alignment of its values.
        let values = unsafe { from.cast::<[u16; COUNT]>().read() };
        Self(values.map(|value| f32::from_bits(u32::from(value) << 16)))
    }

    #[inline(always)]
    unsafe fn load_upper(from: *const [u8; 3]) -> [i32; COUNT] {
        // SAFETY: the caller's promise; an array has the alignment of its values.
        let values = unsafe { from.cast::<[[u8; 3]; COUNT]>().read() };
        values.map(|[low, middle, high]| i32::from_le_bytes([0, low, middle, high]))
    }

    // `f32::mul_add` is a slow library call where the target has no such instruction.
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            Self(from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
        } else {
            self * factor + addend
        }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if b > a { b } else { a })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.with(other, |a, b| if b < a { b } else { a })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(
            self.0
                .map(|value| f32::from_bits((value.to_bits() << 23).wrapping_add(1f32.to_bits()))),
        )
    }

    #[inline(always)]
    fn no_integers() -> [i32; COUNT] {
        [0; COUNT]
    }

    #[inline(always)]
    fn from_integers(integers: [i32; COUNT]) -> Self {
        Self(integers.map(|value| value as f32))
    }
}
