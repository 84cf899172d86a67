#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::super::dot::{Dot, Work};
use super::{Lanes, operators};

/// Eight values: AVX2 with FMA.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2(pub(in super::super) __m256);

operators! { Avx2,
    Add, add, _mm256_add_ps;
    Sub, sub, _mm256_sub_ps;
    Mul, mul, _mm256_mul_ps;
    Div, div, _mm256_div_ps;
}

#[target_feature(enable = "avx2,fma")]
fn enter<D: Dot, W: Work>(work: W) -> W::Output {
    work.run::<D>()
}

// SAFETY of every block below: the trait's functions run only where the processor has AVX2 and FMA, and pointers are as
// their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Lanes for Avx2 {
    type Integers = __m256i;

    const COUNT: usize = 8;
    const PANEL: usize = 2;

    #[inline(never)]
    unsafe fn enter<D: Dot, W: Work>(work: W) -> W::Output {
        unsafe { enter::<D, W>(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        Self(unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    unsafe fn load_upper(from: *const [u8; 3]) -> __m256i {
        unsafe {
            let from = from.cast::<u8>();
            let (first, second) = (_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(8).cast()));
            let upper = _mm256_setr_epi8(
                -1, 0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, //
                -1, 4, 5, 6, -1, 7, 8, 9, -1, 10, 11, 12, -1, 13, 14, 15,
            );
            _mm256_shuffle_epi8(_mm256_set_m128i(second, first), upper)
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    // The instruction gives its second operand where one is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm256_max_ps(other.0, self.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm256_min_ps(other.0, self.0) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }

    #[inline(always)]
    fn square_root(self) -> Self {
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
            _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_castps_si256(_mm256_set1_ps(1.0))))
        })
    }

    #[inline(always)]
    fn first_or(self, count: usize, rest: Self) -> Self {
        Self(unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let first = _mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(8) as i32), lanes);
            _mm256_blendv_ps(rest.0, self.0, _mm256_castsi256_ps(first))
        })
    }

    #[inline(always)]
    fn no_integers() -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn from_integers(integers: __m256i) -> Self {
        Self(unsafe { _mm256_cvtepi32_ps(integers) })
    }
}
