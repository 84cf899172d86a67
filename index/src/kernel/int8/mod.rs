//! The inner loop over int8 codes.
//!
//! The query has 16 bits: int8 would be no faster where memory sets the pace, and would double the error of a score.
//! Its values are so small that a whole sum fits i32 (see `quantize`); what overflows on the way wraps, and comes back.

#![allow(
    unsafe_code,
    reason = "functions that take pointers, compiled for detected instructions"
)]

use super::LINE;
use super::sketch::LineQuery;

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod portable;

/// Queries that a row is multiplied with at once: as many as there are sums that do not wait for one another.
pub(crate) const SEVERAL: usize = 4;

/// Something to do with the instructions of one [`Int8`]. `run` and everything hot that it calls must be
/// `#[inline(always)]`.
pub(super) trait Work {
    type Output;

    fn run<I: Int8>(self) -> Self::Output;
}

/// Dot products with one instruction set. The functions may be called in code below `enter` alone.
pub(super) trait Int8 {
    /// Runs `work` in a function that is compiled for the instructions.
    ///
    /// # Safety
    /// The processor must have them.
    unsafe fn enter<W: Work>(work: W) -> W::Output;

    /// The sum of `query[i] * row[i]`.
    ///
    /// # Safety
    /// `length`, a multiple of [`LINE`](super::LINE), values of both must be readable.
    unsafe fn query_row(query: *const i16, row: *const i8, length: usize) -> i32;

    /// The products of a row with each of several queries, which lie one after another: the row is read and widened
    /// once for all of them.
    ///
    /// # Safety
    /// As of `query_row`, for each query.
    #[inline(always)]
    unsafe fn queries_row(queries: *const i16, row: *const i8, length: usize) -> [i32; SEVERAL] {
        let mut products = [0; SEVERAL];
        for (query, product) in products.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *product = unsafe { Self::query_row(queries.add(query * length), row, length) };
        }
        products
    }

    /// The sum of `a[i] * b[i]`, of values that are not -128.
    ///
    /// # Safety
    /// As of `query_row`.
    unsafe fn row_row(a: *const i8, b: *const i8, length: usize) -> i32;

    /// The product of a query with a line.
    ///
    /// # Safety
    /// The processor must have the instructions.
    #[inline(always)]
    unsafe fn line(query: &LineQuery, line: &[u8; LINE]) -> i32 {
        query.product(line)
    }
}
