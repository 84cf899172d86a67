#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::{Int8, SEVERAL, Work, avx2};
use crate::kernel::LINE;
use crate::kernel::sketch::LineQuery;

/// Codes that are widened at once.
const HALF: usize = LINE / 2;
/// Sums that do not wait for one another.
const SUMS: usize = 4;

/// Both instruction sets below, which differ in how two products are added to a sum.
macro_rules! avx512 {
    ($name:ident, $enter:ident, $features:literal, $add:expr) => {
        #[target_feature(enable = $features)]
        fn $enter<W: Work>(work: W) -> W::Output {
            work.run::<$name>()
        }

        // SAFETY of every block below: the trait's functions run only where the processor has the instructions, and
        // pointers are as their callers promise.
        #[allow(
            clippy::undocumented_unsafe_blocks,
            reason = "one reason for all of them, just above"
        )]
        impl Int8 for $name {
            #[inline(never)]
            unsafe fn enter<W: Work>(work: W) -> W::Output {
                unsafe { $enter(work) }
            }

            #[inline(always)]
            unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32 {
                unsafe {
                    let values = |at: usize| _mm512_loadu_si512(query.add(at).cast());
                    sum_of(length, |sum, at| $add(sum, wide(row.add(at)), values(at)))
                }
            }

            #[inline(always)]
            unsafe fn queries_row(queries: *const i16, row: *const i8, length: usize) -> [i32; SEVERAL] {
                unsafe {
                    let mut sums = [_mm512_setzero_si512(); SEVERAL];
                    for at in (0..length).step_by(HALF) {
                        let codes = wide(row.add(at));
                        for (query, sum) in sums.iter_mut().enumerate() {
                            let values = _mm512_loadu_si512(queries.add(query * length + at).cast());
                            *sum = $add(*sum, codes, values);
                        }
                    }
                    sums.map(|sum| _mm512_reduce_add_epi32(sum))
                }
            }

            #[inline(always)]
            unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
                unsafe { sum_of(length, |sum, at| $add(sum, wide(a.add(at)), wide(b.add(at)))) }
            }

            /// A line is too short for wider registers.
            #[inline(always)]
            unsafe fn line(query: &LineQuery, line: &[u8; LINE]) -> i32 {
                unsafe { avx2::product(query, line) }
            }
        }
    };
}

/// Codes widened to i16: two products and their sum in one instruction.
pub(in super::super) struct Avx512;

avx512!(Avx512, enter_avx512, "avx2,avx512f,avx512bw", |sum, x, y| {
    _mm512_add_epi32(sum, _mm512_madd_epi16(x, y))
});

/// Codes widened to i16: two products are added to the sum in one instruction.
pub(in super::super) struct Avx512Vnni;

avx512!(
    Avx512Vnni,
    enter_avx512_vnni,
    "avx2,avx512f,avx512bw,avx512vnni",
    |sum, x, y| _mm512_dpwssd_epi32(sum, x, y)
);

/// The total of what `add` adds to a sum for every [`HALF`] of `length` codes.
///
/// # Safety
/// The processor must have AVX-512F.
#[inline(always)]
unsafe fn sum_of(length: usize, add: impl Fn(__m512i, usize) -> __m512i) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [_mm512_setzero_si512(); SUMS];
        let most = length - length % (SUMS * HALF);
        for at in (0..most).step_by(SUMS * HALF) {
            for (step, sum) in sums.iter_mut().enumerate() {
                *sum = add(*sum, at + step * HALF);
            }
        }
        for (at, sum) in (most..length).step_by(HALF).zip(&mut sums) {
            *sum = add(*sum, at);
        }
        let [first, second, third, fourth] = sums;
        let (first, third) = (_mm512_add_epi32(first, second), _mm512_add_epi32(third, fourth));
        _mm512_reduce_add_epi32(_mm512_add_epi32(first, third))
    }
}

/// # Safety
/// The processor must have AVX-512BW, and 32 codes must be readable.
#[inline(always)]
unsafe fn wide(codes: *const i8) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(codes.cast())) }
}
