//! Where the values of rows lie.

use std::ops::Range;

use super::dot::Dot;
use super::layout::block;
use super::storage::LINE;

/// How the values of converted rows lie in memory. A product reads a run of each row before the next run of any, so that the
/// same runs of all rows lie together; or those of some rows, which are then read as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// Rows that lie together.
    rows: usize,
    /// Values of a run.
    run: usize,
    /// Values from row to row of those that lie together.
    pub(super) stride: usize,
    /// Values from the first of some rows that lie together to the first of the next.
    group: usize,
    /// Values from a run to the row's next.
    next: usize,
    /// Where the last run of the first row begins.
    last: usize,
}

impl Arrangement {
    /// Of `rows` rows of `depth` values as products of `D` read them, which fill them up to whole steps: a run is a block of the
    /// depth.
    #[inline(always)]
    pub(super) fn of<D: Dot>(rows: usize, depth: usize) -> Self {
        let padded = depth.next_multiple_of(D::STEP);
        let run = block::<D>(padded);
        if D::ROWS_TOGETHER > 1 || run >= padded {
            return Self::uncut::<D>(depth);
        }
        let stride = stride::<D>(run);
        let next = rows * stride;
        Self {
            run,
            next,
            last: (padded.div_ceil(run) - 1) * next,
            ..Self::plain(stride)
        }
    }

    /// Of any number of rows of `depth` values which `D` reads whole.
    #[inline(always)]
    pub(super) fn uncut<D: Dot>(depth: usize) -> Self {
        let padded = depth.next_multiple_of(D::STEP);
        if D::ROWS_TOGETHER == 1 {
            return Self {
                run: padded,
                ..Self::plain(stride::<D>(padded))
            };
        }
        let next = D::ROWS_TOGETHER * D::STEP;
        Self {
            rows: D::ROWS_TOGETHER,
            run: D::STEP,
            stride: D::STEP,
            group: D::ROWS_TOGETHER * padded,
            next,
            last: (padded / D::STEP).saturating_sub(1) * next,
        }
    }

    /// Of rows that follow one another, each of `depth` values.
    pub(super) fn plain(depth: usize) -> Self {
        Self {
            rows: 1,
            run: depth,
            stride: depth,
            group: depth,
            next: 0,
            last: 0,
        }
    }

    /// Whether products of `D` can read `rows` rows of `depth` values that lie so.
    #[inline(always)]
    pub(super) fn suits<D: Dot>(self, rows: usize, depth: usize) -> bool {
        self.is_uncut::<D>(depth) || self == Self::of::<D>(rows, depth)
    }

    /// Whether `D` can read rows of at least `depth` values whole.
    #[inline(always)]
    pub(super) fn is_uncut<D: Dot>(self, depth: usize) -> bool {
        let padded = depth.next_multiple_of(D::STEP);
        if D::ROWS_TOGETHER == 1 {
            return self.rows == 1 && self.run >= padded;
        }
        self.rows == D::ROWS_TOGETHER && self.run == D::STEP && self.group >= self.rows * padded
    }

    /// Where a value lies.
    #[inline(always)]
    pub(super) fn place(self, row: usize, value: usize) -> usize {
        let (groups, row) = if self.rows == 1 {
            (row, 0)
        } else {
            (row / self.rows, row % self.rows)
        };
        let (runs, value) = if value < self.run {
            (0, value)
        } else {
            (value / self.run, value % self.run)
        };
        groups * self.group + runs * self.next + row * self.stride + value
    }

    /// Values from `value` of a row on that follow one another.
    #[inline(always)]
    pub(super) fn left_of_run(self, value: usize) -> usize {
        self.run - value % self.run
    }

    /// Values that so many rows take.
    #[inline(always)]
    pub(super) fn size(self, rows: usize) -> usize {
        match rows.div_ceil(self.rows.max(1)) {
            0 => 0,
            groups => (groups - 1) * self.group + self.last + self.rows * self.stride,
        }
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
        if D::ROWS_TOGETHER == 1 && self.run >= aside.len() {
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
        // As `place`, with divisors that the compiler knows where runs are short.
        let (start, size) = if D::ROWS_TOGETHER == 1 {
            (row * self.stride, self.run)
        } else {
            let (together, row) = (row / D::ROWS_TOGETHER, row % D::ROWS_TOGETHER);
            (together * self.group + row * D::STEP, D::STEP)
        };
        let (mut run, mut value) = (first / size, first % size);
        let mut done = 0;
        while done < count {
            let length = (size - value).min(count - done);
            each(start + run * self.next + value, done..done + length);
            done += length;
            (run, value) = (run + 1, 0);
        }
    }
}

/// Values from row to row: an odd number of cache lines, so that the rows of a tile lie in different sets of the L1 cache.
#[inline(always)]
fn stride<D: Dot>(values: usize) -> usize {
    let lines = (values * size_of::<D::Input>()).div_ceil(LINE) | 1;
    lines * LINE / size_of::<D::Input>()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Kernels;
    use super::super::dot::Work;
    use super::super::testing::PRECISIONS;
    use super::*;

    /// Rows and depth of rows whose places are looked at.
    struct Places(usize, usize);

    impl Work for Places {
        type Output = ();

        #[inline(always)]
        fn run<D: Dot>(self) {
            let Self(rows, depth) = self;
            for arrangement in [Arrangement::of::<D>(rows, depth), Arrangement::uncut::<D>(depth)] {
                places::<D>(arrangement, (rows, depth));
            }
        }
    }

    #[inline(always)]
    fn places<D: Dot>(arrangement: Arrangement, (rows, depth): (usize, usize)) {
        assert!(arrangement.suits::<D>(rows, depth));
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

    #[test]
    fn every_value_has_a_place_of_its_own_and_runs_lead_there() {
        for kernels in Kernels::available() {
            for precision in PRECISIONS {
                for (rows, depth) in [(1, 1), (40, 33), (5, 130), (3, 1700)] {
                    kernels.run(precision, Places(rows, depth));
                }
            }
        }
    }
}
