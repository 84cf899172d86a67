#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::aarch64::*;
use std::arch::asm;

use super::super::encode::quantize;
use super::super::lanes::Lanes;
use super::super::lanes::neon::Neon;
use super::{Dot, Encoding, Registers, Work, integer_rows, integer_sums, register_tiles};

/// int8 by int8 in i16, which a product fits in; pairs of products are added to the sums.
pub(in super::super) struct Pairs;

// SAFETY of every block below: NEON is part of AArch64, and pointers are as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Dot for Pairs {
    register_tiles!();
    integer_rows!(Neon, i8, Int8, offset: 0, group: 2);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { Neon::enter::<Self, W>(work) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
impl Registers for Pairs {
    integer_sums!(Neon);
    type Inputs = int8x8_t;
    type Weights = int8x8_t;

    #[inline(always)]
    unsafe fn start(_: Neon, _: *const i32, _: *const f32) -> int32x4_t {
        Neon::no_integers()
    }

    #[inline(always)]
    unsafe fn inputs(from: *const i8) -> int8x8_t {
        unsafe { vreinterpret_s8_s16(vdup_n_s16(from.cast::<i16>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> int8x8_t {
        unsafe { vld1_s8(from) }
    }

    #[inline(always)]
    fn add(sums: int32x4_t, inputs: int8x8_t, weights: int8x8_t) -> int32x4_t {
        unsafe { vpadalq_s16(sums, vmull_s8(inputs, weights)) }
    }
}

/// int8 by int8 with the dot product instructions of Armv8.2: four products and their sum in one.
pub(in super::super) struct Quads;

#[target_feature(enable = "neon,dotprod")]
fn enter_quads<W: Work>(work: W) -> W::Output {
    work.run::<Quads>()
}

// SAFETY of every block below: the trait's functions run only where the processor has the dot product instructions, and
// pointers are as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Dot for Quads {
    register_tiles!();
    integer_rows!(Neon, i8, Int8, offset: 0, group: 4);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { enter_quads(work) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
impl Registers for Quads {
    integer_sums!(Neon);
    type Inputs = int8x16_t;
    type Weights = int8x16_t;

    #[inline(always)]
    unsafe fn start(_: Neon, _: *const i32, _: *const f32) -> int32x4_t {
        Neon::no_integers()
    }

    #[inline(always)]
    unsafe fn inputs(from: *const i8) -> int8x16_t {
        unsafe { vreinterpretq_s8_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> int8x16_t {
        unsafe { vld1q_s8(from) }
    }

    // The intrinsic `vdotq_s32` is not stable yet.
    #[inline(always)]
    fn add(mut sums: int32x4_t, inputs: int8x16_t, weights: int8x16_t) -> int32x4_t {
        unsafe {
            asm!(
                "sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.16b",
                sums = inout(vreg) sums,
                weights = in(vreg) weights,
                inputs = in(vreg) inputs,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }
}
