#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::aarch64::*;
use std::arch::asm;

use super::{Int8, Work};
use crate::kernel::LINE;

/// Codes in a register.
const WIDTH: usize = 16;

/// Codes widened to i16, products to i32.
pub(in super::super) struct Neon;

// SAFETY of every block below: NEON is part of AArch64, and pointers are as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Int8 for Neon {
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        work.run::<Self>()
    }

    #[inline(always)]
    unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32 {
        unsafe {
            let mut sums = [vdupq_n_s32(0); 4];
            for at in (0..length).step_by(WIDTH) {
                let codes = vld1q_s8(row.add(at));
                let (low, high) = (vmovl_s8(vget_low_s8(codes)), vmovl_high_s8(codes));
                let (first, second) = (vld1q_s16(query.add(at)), vld1q_s16(query.add(at + WIDTH / 2)));
                sums[0] = vmlal_s16(sums[0], vget_low_s16(low), vget_low_s16(first));
                sums[1] = vmlal_high_s16(sums[1], low, first);
                sums[2] = vmlal_s16(sums[2], vget_low_s16(high), vget_low_s16(second));
                sums[3] = vmlal_high_s16(sums[3], high, second);
            }
            vaddvq_s32(vaddq_s32(vaddq_s32(sums[0], sums[1]), vaddq_s32(sums[2], sums[3])))
        }
    }

    #[inline(always)]
    unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
        unsafe {
            let mut sums = [vdupq_n_s32(0); 2];
            for at in (0..length).step_by(WIDTH) {
                let (a, b) = (vld1q_s8(a.add(at)), vld1q_s8(b.add(at)));
                sums[0] = vpadalq_s16(sums[0], vmull_s8(vget_low_s8(a), vget_low_s8(b)));
                sums[1] = vpadalq_s16(sums[1], vmull_high_s8(a, b));
            }
            vaddvq_s32(vaddq_s32(sums[0], sums[1]))
        }
    }
}

/// As [`Neon`], but for the product of two rows: four products and their sum in one instruction of Armv8.2.
pub(in super::super) struct NeonDot;

#[target_feature(enable = "neon,dotprod")]
fn enter_dot<W: Work>(work: W) -> W::Output {
    work.run::<NeonDot>()
}

// SAFETY of every block below: the trait's functions run only where the processor has the dot product instructions, and
// pointers are as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Int8 for NeonDot {
    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { enter_dot(work) }
    }

    #[inline(always)]
    unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32 {
        unsafe { Neon::query_row(query, row, length) }
    }

    // The intrinsic `vdotq_s32` is not stable yet.
    #[inline(always)]
    unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
        unsafe {
            let mut sums = [vdupq_n_s32(0); LINE / WIDTH];
            for at in (0..length).step_by(LINE) {
                for (step, sum) in sums.iter_mut().enumerate() {
                    let at = at + step * WIDTH;
                    asm!(
                        "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                        sum = inout(vreg) *sum,
                        a = in(vreg) vld1q_s8(a.add(at)),
                        b = in(vreg) vld1q_s8(b.add(at)),
                        options(pure, nomem, nostack, preserves_flags)
                    );
                }
            }
            vaddvq_s32(vaddq_s32(vaddq_s32(sums[0], sums[1]), vaddq_s32(sums[2], sums[3])))
        }
    }
}
