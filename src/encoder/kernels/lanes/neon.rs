#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::aarch64::*;

use super::super::dot::{Dot, Work};
use super::{Lanes, operators};

/// Four values: NEON, which every AArch64 processor has.
#[derive(Clone, Copy)]
pub(in super::super) struct Neon(pub(in super::super) float32x4_t);

operators! { Neon,
    Add, add, vaddq_f32;
    Sub, sub, vsubq_f32;
    Mul, mul, vmulq_f32;
    Div, div, vdivq_f32;
}

#[target_feature(enable = "neon")]
fn enter<D: Dot, W: Work>(work: W) -> W::Output {
    work.run::<D>()
}

// SAFETY of every block below: NEON is part of AArch64, and pointers are as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Lanes for Neon {
    type Integers = int32x4_t;

    const COUNT: usize = 4;
    const PANEL: usize = 4;

    #[inline(never)]
    unsafe fn enter<D: Dot, W: Work>(work: W) -> W::Output {
        unsafe { enter::<D, W>(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        Self(unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from))) })
    }

    #[inline(always)]
    unsafe fn load_upper(from: *const [u8; 3]) -> int32x4_t {
        // A place beyond the table gives 0.
        const UPPER: [u8; 16] = [255, 0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11];
        unsafe {
            let from = from.cast::<u8>();
            let last = vcreate_u8(u64::from(from.add(8).cast::<u32>().read_unaligned()));
            let bytes = vcombine_u8(vld1_u8(from), last);
            vreinterpretq_s32_u8(vqtbl1q_u8(bytes, vld1q_u8(UPPER.as_ptr())))
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { vfmaq_f32(addend.0, self.0, factor.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { vmaxq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { vminq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(unsafe { vabsq_f32(self.0) })
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        Self(unsafe { vsqrtq_f32(self.0) })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(unsafe {
            let exponent = vshlq_n_u32::<23>(vreinterpretq_u32_f32(self.0));
            vreinterpretq_f32_u32(vaddq_u32(exponent, vdupq_n_u32(1f32.to_bits())))
        })
    }

    #[inline(always)]
    fn no_integers() -> int32x4_t {
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    fn from_integers(integers: int32x4_t) -> Self {
        Self(unsafe { vcvtq_f32_s32(integers) })
    }
}
