#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::{Int8, Work, avx2};
use crate::kernel::LINE;
use crate::kernel::sketch::LineQuery;

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
                    let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                    for at in (0..length).step_by(LINE) {
                        even = $add(even, wide(row.add(at)), _mm512_loadu_si512(query.add(at).cast()));
                        let at = at + LINE / 2;
                        odd = $add(odd, wide(row.add(at)), _mm512_loadu_si512(query.add(at).cast()));
                    }
                    _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd))
                }
            }

            #[inline(always)]
            unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
                unsafe {
                    let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                    for at in (0..length).step_by(LINE) {
                        even = $add(even, wide(a.add(at)), wide(b.add(at)));
                        let at = at + LINE / 2;
                        odd = $add(odd, wide(a.add(at)), wide(b.add(at)));
                    }
                    _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd))
                }
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

/// # Safety
/// The processor must have AVX-512BW, and 32 codes must be readable.
#[inline(always)]
unsafe fn wide(codes: *const i8) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(codes.cast())) }
}
