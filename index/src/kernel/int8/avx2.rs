#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::{Int8, SEVERAL, Work};
use crate::kernel::LINE;
use crate::kernel::sketch::{LineQuery, STRONG};

/// Sums that do not wait for one another.
const SUMS: usize = 4;

/// Codes widened to i16: two products and their sum in one instruction.
pub(in super::super) struct Avx2;

#[target_feature(enable = "avx2")]
fn enter_avx2<W: Work>(work: W) -> W::Output {
    work.run::<Avx2>()
}

// SAFETY of every block below: the trait's functions run only where the processor has AVX2, and pointers are as their
// callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Int8 for Avx2 {
    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { enter_avx2(work) }
    }

    #[inline(always)]
    unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32 {
        unsafe {
            let mut sums = [_mm256_setzero_si256(); SUMS];
            for at in (0..length).step_by(LINE) {
                for (step, sum) in sums.iter_mut().enumerate() {
                    let at = at + step * LINE / SUMS;
                    let codes = _mm256_cvtepi8_epi16(_mm_loadu_si128(row.add(at).cast()));
                    let values = _mm256_loadu_si256(query.add(at).cast());
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(codes, values));
                }
            }
            total(sum_of(sums))
        }
    }

    #[inline(always)]
    unsafe fn queries_row(queries: *const i16, row: *const i8, length: usize) -> [i32; SEVERAL] {
        unsafe {
            let mut sums = [_mm256_setzero_si256(); SEVERAL];
            for at in (0..length).step_by(LINE / 4) {
                let codes = _mm256_cvtepi8_epi16(_mm_loadu_si128(row.add(at).cast()));
                for (query, sum) in sums.iter_mut().enumerate() {
                    let values = _mm256_loadu_si256(queries.add(query * length + at).cast());
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(codes, values));
                }
            }
            totals(sums)
        }
    }

    /// Signs move from `a` to `b`, for the instruction wants one side without; pairs of products fit i16, for codes
    /// are at most 127.
    #[inline(always)]
    unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let mut sums = [_mm256_setzero_si256(); SUMS];
            for at in (0..length).step_by(LINE) {
                for (step, sum) in sums.iter_mut().take(2).enumerate() {
                    let at = at + step * LINE / 2;
                    let a = _mm256_loadu_si256(a.add(at).cast());
                    let b = _mm256_sign_epi8(_mm256_loadu_si256(b.add(at).cast()), a);
                    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), b);
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
            total(sum_of(sums))
        }
    }

    #[inline(always)]
    unsafe fn line(query: &LineQuery, line: &[u8; LINE]) -> i32 {
        unsafe { product(query, line) }
    }
}

/// Weak values are multiplied as bytes: the sum of six products, which is what a lane of 16 bits gets, fits it.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
pub(super) unsafe fn product(query: &LineQuery, line: &[u8; LINE]) -> i32 {
    // SAFETY: the caller's promise, and all that is read is within a line, or within the query's values.
    unsafe {
        let (line, weak) = (line.as_ptr(), query.weak.as_ptr());
        let strong = _mm256_cvtepi8_epi16(_mm_loadu_si128(line.cast()));
        let strong = _mm256_madd_epi16(strong, _mm256_loadu_si256(query.strong.as_ptr().cast()));

        let low_half = _mm256_set1_epi8(15);
        let first = _mm256_loadu_si256(line.add(STRONG).cast());
        let last = _mm_loadu_si128(line.add(STRONG + 32).cast());
        let low = _mm256_and_si256(first, low_half);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(first), low_half);
        let last = _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16::<4>(last), last), low_half);
        let low = _mm256_maddubs_epi16(low, _mm256_loadu_si256(weak.cast()));
        let high = _mm256_maddubs_epi16(high, _mm256_loadu_si256(weak.add(32).cast()));
        let last = _mm256_maddubs_epi16(last, _mm256_loadu_si256(weak.add(64).cast()));
        let pairs = _mm256_add_epi16(_mm256_add_epi16(low, high), last);
        let weak = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
        let weak = _mm256_sll_epi32(weak, _mm_cvtsi32_si128(query.shift.cast_signed()));
        total(_mm256_add_epi32(strong, weak))
    }
}

/// Codes and query as with [`Avx2`]; the products of a pair are added to the sum in the same instruction (AVX-VNNI).
pub(in super::super) struct AvxVnni;

#[target_feature(enable = "avx2,avxvnni")]
fn enter_avx_vnni<W: Work>(work: W) -> W::Output {
    work.run::<AvxVnni>()
}

// SAFETY of every block below: the trait's functions run only where the processor has AVX2 and AVX-VNNI, and pointers
// are as their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Int8 for AvxVnni {
    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { enter_avx_vnni(work) }
    }

    #[inline(always)]
    unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32 {
        unsafe {
            let mut sums = [_mm256_setzero_si256(); SUMS];
            for at in (0..length).step_by(LINE) {
                for (step, sum) in sums.iter_mut().enumerate() {
                    let at = at + step * LINE / SUMS;
                    let codes = _mm256_cvtepi8_epi16(_mm_loadu_si128(row.add(at).cast()));
                    let values = _mm256_loadu_si256(query.add(at).cast());
                    *sum = _mm256_dpwssd_avx_epi32(*sum, codes, values);
                }
            }
            total(sum_of(sums))
        }
    }

    #[inline(always)]
    unsafe fn queries_row(queries: *const i16, row: *const i8, length: usize) -> [i32; SEVERAL] {
        unsafe { Avx2::queries_row(queries, row, length) }
    }

    #[inline(always)]
    unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
        unsafe {
            let mut sums = [_mm256_setzero_si256(); SUMS];
            for at in (0..length).step_by(LINE) {
                for (step, sum) in sums.iter_mut().take(2).enumerate() {
                    let at = at + step * LINE / 2;
                    let a = _mm256_loadu_si256(a.add(at).cast());
                    let b = _mm256_sign_epi8(_mm256_loadu_si256(b.add(at).cast()), a);
                    *sum = _mm256_dpbusd_avx_epi32(*sum, _mm256_abs_epi8(a), b);
                }
            }
            total(sum_of(sums))
        }
    }

    #[inline(always)]
    unsafe fn line(query: &LineQuery, line: &[u8; LINE]) -> i32 {
        unsafe { product(query, line) }
    }
}

/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn sum_of(sums: [__m256i; SUMS]) -> __m256i {
    let [first, second, third, fourth] = sums;
    // SAFETY: the caller's promise.
    unsafe { _mm256_add_epi32(_mm256_add_epi32(first, second), _mm256_add_epi32(third, fourth)) }
}

/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn total(sum: __m256i) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
        _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum)))
    }
}

/// The totals of several sums.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn totals([first, second, third, fourth]: [__m256i; SEVERAL]) -> [i32; SEVERAL] {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (_mm256_hadd_epi32(first, second), _mm256_hadd_epi32(third, fourth));
        let sums = _mm256_hadd_epi32(low, high);
        let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let mut totals = [0; SEVERAL];
        _mm_storeu_si128(totals.as_mut_ptr().cast(), sums);
        totals
    }
}
