#![allow(unsafe_code, reason = "the trait's functions take pointers")]

use super::{Int8, Work};

/// Rust alone.
pub(in super::super) struct Portable;

impl Int8 for Portable {
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        work.run::<Self>()
    }

    #[inline(always)]
    unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32 {
        // SAFETY: the caller's promise.
        let (query, row) = unsafe {
            (
                std::slice::from_raw_parts(query, length),
                std::slice::from_raw_parts(row, length),
            )
        };
        let products = query.iter().zip(row).map(|(x, y)| i32::from(*x) * i32::from(*y));
        products.fold(0, i32::wrapping_add)
    }

    #[inline(always)]
    unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32 {
        // SAFETY: the caller's promise.
        let (a, b) = unsafe {
            (
                std::slice::from_raw_parts(a, length),
                std::slice::from_raw_parts(b, length),
            )
        };
        let products = a.iter().zip(b).map(|(x, y)| i32::from(*x) * i32::from(*y));
        products.fold(0, i32::wrapping_add)
    }
}
