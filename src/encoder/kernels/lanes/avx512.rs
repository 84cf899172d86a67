#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::super::dot::{Dot, Work};
use super::{Lanes, operators};

/// Sixteen values: AVX-512 F, BW, DQ and VL, which every processor with AVX-512 since Skylake has.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512(pub(in super::super) __m512);

operators! { Avx512,
    Add, add, _mm512_add_ps;
    Sub, sub, _mm512_sub_ps;
    Mul, mul, _mm512_mul_ps;
    Div, div, _mm512_div_ps;
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn enter<D: Dot, W: Work>(work: W) -> W::Output {
    work.run::<D>()
}

/// Which lanes are the first `count`.
#[inline(always)]
fn mask(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

// SAFETY of every block below: the trait's functions run only where the processor has these parts of AVX-512, and
// pointers are as their callers promise; a masked access touches nothing outside its mask.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Lanes for Avx512 {
    type Integers = __m512i;

    const COUNT: usize = 16;
    const PANEL: usize = 4;
    // 32 KiB of a panel.
    const BLOCK: usize = 128;

    #[inline(never)]
    unsafe fn enter<D: Dot, W: Work>(work: W) -> W::Output {
        unsafe { enter::<D, W>(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        Self(unsafe { _mm512_maskz_loadu_ps(mask(count), from) })
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, mask(count), self.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        Self(unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    unsafe fn load_upper(from: *const [u8; 3]) -> __m512i {
        unsafe {
            let bytes = _mm512_maskz_loadu_epi32(0xfff, from.cast());
            let quarters = _mm512_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
            let upper = _mm_setr_epi8(-1, 0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11);
            _mm512_shuffle_epi8(_mm512_permutexvar_epi32(quarters, bytes), _mm512_broadcast_i32x4(upper))
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    // A division takes as long as sixteen of these; a step of Newton's doubles the fourteen bits of the first instruction.
    #[inline(always)]
    fn reciprocal(self) -> Self {
        let near = Self(unsafe { _mm512_rcp14_ps(self.0) });
        near * (Self::splat(2.0) - self * near)
    }

    // The instruction gives its second operand where one is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(other.0, self.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(other.0, self.0) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(unsafe { _mm512_abs_ps(self.0) })
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_castps_si512(_mm512_set1_ps(1.0))))
        })
    }

    #[inline(always)]
    fn first_or(self, count: usize, rest: Self) -> Self {
        Self(unsafe { _mm512_mask_mov_ps(rest.0, mask(count), self.0) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }

    #[inline(always)]
    fn no_integers() -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn from_integers(integers: __m512i) -> Self {
        Self(unsafe { _mm512_cvtepi32_ps(integers) })
    }
}
