#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::super::encode::quantize;
use super::super::lanes::Lanes;
use super::super::lanes::avx2::Avx2;
use super::{Dot, Encoding, Registers, Work, integer_rows, integer_sums, register_tiles};

/// i16 by int8 widened to i16: two products and their sum in one instruction, exact.
pub(in super::super) struct Pairs;

// SAFETY of every block below: the trait's functions run only where the processor has AVX2, and pointers are as their
// callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Dot for Pairs {
    register_tiles!();
    integer_rows!(Avx2, i16, Int16, offset: 0, group: 2);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { Avx2::enter::<Self, W>(work) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
impl Registers for Pairs {
    integer_sums!(Avx2);
    type Inputs = __m256i;
    type Weights = __m256i;

    #[inline(always)]
    unsafe fn start(_: Avx2, _: *const i32, _: *const f32) -> __m256i {
        Avx2::no_integers()
    }

    #[inline(always)]
    unsafe fn inputs(from: *const i16) -> __m256i {
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m256i {
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    fn add(sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(inputs, weights)) }
    }
}

/// int8 by int8 with AVX-VNNI: four products and their sum in one instruction, of rows without sign.
pub(in super::super) struct Vnni;

#[target_feature(enable = "avx2,fma,avxvnni")]
fn enter_vnni<W: Work>(work: W) -> W::Output {
    work.run::<Vnni>()
}

// SAFETY of every block below: the trait's functions run only where the processor has AVX2 and AVX-VNNI, and pointers are
// as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Dot for Vnni {
    register_tiles!();
    integer_rows!(Avx2, u8, Uint8, offset: 128, group: 4);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { enter_vnni(work) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
impl Registers for Vnni {
    integer_sums!(Avx2);
    type Inputs = __m256i;
    type Weights = __m256i;

    #[inline(always)]
    unsafe fn start(_: Avx2, totals: *const i32, _: *const f32) -> __m256i {
        unsafe {
            let totals = _mm256_loadu_si256(totals.cast());
            _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32::<7>(totals))
        }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> __m256i {
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    fn add(sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i {
        unsafe { _mm256_dpbusd_avx_epi32(sums, inputs, weights) }
    }
}
