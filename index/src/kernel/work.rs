//! What is done with the inner loop over codes.

#![allow(unsafe_code, reason = "pointers into slices whose lengths are checked")]

use super::LINE;
use super::int8::{Int8, SEVERAL, Work};
use super::prefetch::prefetch_line;

/// Cache lines of rows asked for before they are multiplied: enough to hide the way to memory, few enough to be in the L1
/// cache still.
const LINES_AHEAD: usize = 32;
/// Bytes asked for ahead of a scan. The processor's own prefetching stops at the end of every page.
const BYTES_AHEAD: usize = 4096;

/// Whole lines of a query or row.
fn whole(length: usize) -> usize {
    length / LINE * LINE
}

/// Products of a query with listed rows.
pub(super) struct Listed<'a> {
    pub(super) query: &'a [i16],
    pub(super) codes: &'a [i8],
    pub(super) rows: &'a [u32],
    pub(super) out: &'a mut [i32],
}

impl Work for Listed<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Int8>(self) {
        let length = whole(self.query.len());
        let count = self.codes.len().checked_div(length).unwrap_or(0);
        let start = |row: u32| self.codes.as_ptr().wrapping_add(row as usize * length);
        let prefetch = |row: u32| {
            for line in (0..length).step_by(LINE) {
                prefetch_line::<1>(start(row).wrapping_add(line).cast());
            }
        };
        let ahead = (LINES_AHEAD * LINE).checked_div(length).unwrap_or(0);
        self.rows.iter().take(ahead).for_each(|row| prefetch(*row));
        for (place, (row, out)) in self.rows.iter().zip(self.out).enumerate() {
            if let Some(row) = self.rows.get(place + ahead) {
                prefetch(*row);
            }
            *out = if (*row as usize) < count {
                // SAFETY: `row < count`, so that `codes` holds `length` values from its start on; so does `query`.
                unsafe { I::query_row(self.query.as_ptr(), start(*row), length) }
            } else {
                0
            };
        }
    }
}

/// Products of several queries with listed rows.
pub(super) struct Several<'a> {
    /// One after another.
    pub(super) queries: &'a [i16],
    pub(super) codes: &'a [i8],
    pub(super) rows: &'a [u32],
    /// Those of one query after those of another.
    pub(super) out: &'a mut [i32],
}

impl Work for Several<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Int8>(self) {
        let length = whole(self.queries.len() / SEVERAL);
        let count = self.codes.len().checked_div(length).unwrap_or(0);
        let start = |row: u32| self.codes.as_ptr().wrapping_add(row as usize * length);
        let ahead = (LINES_AHEAD * LINE).checked_div(length).unwrap_or(0);
        for (place, row) in self.rows.iter().enumerate() {
            if let Some(row) = self.rows.get(place + ahead) {
                for line in (0..length).step_by(LINE) {
                    prefetch_line::<1>(start(*row).wrapping_add(line).cast());
                }
            }
            let products = if (*row as usize) < count {
                // SAFETY: `row < count`, so that `codes` holds `length` values from its start on; the queries hold
                // `SEVERAL` times as many.
                unsafe { I::queries_row(self.queries.as_ptr(), start(*row), length) }
            } else {
                [0; SEVERAL]
            };
            let places = self.out.iter_mut().skip(place).step_by(self.rows.len());
            places.zip(products).for_each(|(out, product)| *out = product);
        }
    }
}

/// Products of a query with rows in order.
pub(super) struct InOrder<'a> {
    pub(super) query: &'a [i16],
    pub(super) codes: &'a [i8],
    pub(super) out: &'a mut [i32],
}

impl Work for InOrder<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Int8>(self) {
        let length = whole(self.query.len());
        if length == 0 {
            return self.out.fill(0);
        }
        let rows = self.codes.chunks_exact(length);
        for (row, out) in rows.zip(self.out) {
            for line in (0..length).step_by(LINE) {
                prefetch_line::<2>(row.as_ptr().wrapping_add(line + BYTES_AHEAD).cast());
            }
            // SAFETY: both hold `length` values.
            *out = unsafe { I::query_row(self.query.as_ptr(), row.as_ptr(), length) };
        }
    }
}

/// The product of two rows.
pub(super) struct Pair<'a> {
    pub(super) a: &'a [i8],
    pub(super) b: &'a [i8],
}

impl Work for Pair<'_> {
    type Output = i32;

    #[inline(always)]
    fn run<I: Int8>(self) -> i32 {
        let length = whole(self.a.len().min(self.b.len()));
        // SAFETY: both hold `length` values.
        unsafe { I::row_row(self.a.as_ptr(), self.b.as_ptr(), length) }
    }
}
