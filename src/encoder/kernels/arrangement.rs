//! Where the values of rows lie.

use std::ops::Range;

use super::dot::Dot;
use super::storage::LINE;

/// How the values of converted rows lie in memory: some rows together, of which a run of each follows one another before the
/// next run of each does. Whoever reads a tile of rows then reads all of it in order. With one row together, rows follow one
/// another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// Rows that lie together.
    rows: usize,
    /// Values of a run, and so from row to row of those that lie together.
    pub(super) run: usize,
    /// Values that a row takes in all.
    stride: usize,
}

impl Arrangement {
    /// Of rows of `depth` values as `D` reads them, which fills them up to whole steps.
    #[inline(always)]
    pub(super) fn of<D: Dot>(depth: usize) -> Self {
        let padded = depth.next_multiple_of(D::STEP);
        if D::ROWS_TOGETHER > 1 {
            return Self {
                rows: D::ROWS_TOGETHER,
                run: D::STEP,
                stride: padded,
            };
        }
        // An odd number of lines from row to row: the rows of a tile then lie in different sets of the L1 cache.
        let lines = (padded * size_of::<D::Input>()).div_ceil(LINE) | 1;
        Self::plain(lines * LINE / size_of::<D::Input>())
    }

    /// Of rows that follow one another, each of `depth` values.
    pub(super) fn plain(depth: usize) -> Self {
        Self {
            rows: 1,
            run: depth,
            stride: depth,
        }
    }

    /// Whether `D` can read rows of `depth` values that lie so.
    #[inline(always)]
    pub(super) fn suits<D: Dot>(self, depth: usize) -> bool {
        let padded = depth.next_multiple_of(D::STEP);
        self.rows == D::ROWS_TOGETHER && self.stride >= padded && (self.rows == 1 || self.run == D::STEP)
    }

    /// Where a value lies.
    #[inline(always)]
    pub(super) fn place(self, row: usize, value: usize) -> usize {
        if self.rows == 1 {
            return row * self.stride + value;
        }
        let (together, row) = (row / self.rows, row % self.rows);
        let (runs, value) = (value / self.run, value % self.run);
        (together * self.stride + runs * self.run) * self.rows + row * self.run + value
    }

    /// Values that so many rows take.
    #[inline(always)]
    pub(super) fn size(self, rows: usize) -> usize {
        rows.next_multiple_of(self.rows.max(1)) * self.stride
    }

    /// Converts `row` and puts it where row `index` of `values` lies; gives its scale. `aside` is memory for a converted row, of
    /// as many values as it is filled up to.
    #[inline(always)]
    pub(super) fn encode<D: Dot>(
        self,
        index: usize,
        row: &[f32],
        values: &mut [D::Input],
        aside: &mut [D::Input],
    ) -> f32 {
        if D::ROWS_TOGETHER == 1 {
            return D::encode(row, &mut values[index * self.stride..][..aside.len()]);
        }
        let scale = D::encode(row, aside);
        self.runs::<D>(index, (0, aside.len()), |place, part| {
            values[place..][..part.len()].copy_from_slice(&aside[part]);
        });
        scale
    }

    /// Calls `each` for every run of a row that begins with value `first` and has `count` of them: with where it lies, and
    /// which of the values it has. The rows must be as `D` reads them.
    #[inline(always)]
    pub(super) fn runs<D: Dot>(
        self,
        row: usize,
        (first, count): (usize, usize),
        mut each: impl FnMut(usize, Range<usize>),
    ) {
        if D::ROWS_TOGETHER == 1 {
            return each(row * self.stride + first, 0..count);
        }
        // As `place`, with divisors that the compiler knows.
        let (together, row) = (row / D::ROWS_TOGETHER, row % D::ROWS_TOGETHER);
        let start = together * D::ROWS_TOGETHER * self.stride + row * D::STEP;
        let mut done = 0;
        while done < count {
            let (run, value) = ((first + done) / D::STEP, (first + done) % D::STEP);
            let length = (D::STEP - value).min(count - done);
            each(start + run * D::ROWS_TOGETHER * D::STEP + value, done..done + length);
            done += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::dot::Work;
    use super::super::{Kernels, Precision};
    use super::*;

    /// Rows and depth of rows whose places are looked at.
    struct Places(usize, usize);

    impl Work for Places {
        type Output = ();

        #[inline(always)]
        fn run<D: Dot>(self) {
            let Self(rows, depth) = self;
            let arrangement = Arrangement::of::<D>(depth);
            assert!(arrangement.suits::<D>(depth));
            let mut taken = HashSet::new();
            for row in 0..rows {
                for value in 0..depth {
                    let place = arrangement.place(row, value);
                    assert!(place < arrangement.size(rows) && taken.insert(place));
                }
                for first in 0..depth {
                    let mut next = 0;
                    arrangement.runs::<D>(row, (first, depth - first), |place, values| {
                        assert_eq!(values.start, next);
                        next = values.end;
                        for (offset, value) in values.enumerate() {
                            assert_eq!(arrangement.place(row, first + value), place + offset);
                        }
                    });
                    assert_eq!(next, depth - first);
                }
            }
        }
    }

    #[test]
    fn every_value_has_a_place_of_its_own_and_runs_lead_there() {
        for kernels in Kernels::available() {
            for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
                for (rows, depth) in [(1, 1), (40, 33), (5, 130)] {
                    kernels.run(precision, Places(rows, depth));
                }
            }
        }
    }
}
