//! Where the results of a product go.

use super::arrangement::Arrangement;
use super::dot::Dot;
use super::tile::{MOST_RESULTS, Rounded};

/// Where the results go.
pub(super) enum Output<'a> {
    F32 {
        values: &'a mut [f32],
        arrangement: Arrangement,
    },
    /// What [`Dot::round`] makes of them.
    Rounded {
        values: &'a mut [u16],
        /// How many of these a result becomes.
        parts: usize,
        arrangement: Arrangement,
    },
}

/// Those of a tile, before they are converted.
#[repr(align(64))]
pub(super) struct Results(pub(super) [f32; MOST_RESULTS]);

impl Output<'_> {
    /// Where the results of the first `rows` rows go; those that are rounded go through `results` first.
    #[inline(always)]
    pub(super) fn target(&mut self, results: &mut Results, rows: usize) -> Target {
        match self {
            Self::F32 { values, arrangement } => {
                Target::F32(values[..arrangement.size(rows)].as_mut_ptr(), *arrangement)
            }
            Self::Rounded {
                values,
                parts,
                arrangement,
            } => Target::Rounded {
                results: results.0.as_mut_ptr(),
                values: values[..*parts * arrangement.size(rows)].as_mut_ptr(),
                parts: *parts,
                arrangement: *arrangement,
            },
        }
    }
}

/// Where the results of some rows go.
pub(super) enum Target {
    F32(*mut f32, Arrangement),
    /// Through `results` to `values`.
    Rounded {
        results: *mut f32,
        values: *mut u16,
        parts: usize,
        arrangement: Arrangement,
    },
}

impl Target {
    /// Where a tile's first result goes, how many values further the next row's does, and where they are rounded to.
    #[inline(always)]
    pub(super) fn of<D: Dot>(&self, row: usize, column: usize) -> (*mut f32, usize, Option<Rounded>) {
        match *self {
            Self::F32(output, arrangement) => {
                let output = output.wrapping_add(arrangement.place(row, column));
                (output, arrangement.stride, None)
            }
            Self::Rounded {
                results,
                values,
                parts,
                arrangement,
            } => {
                let rounded = Rounded {
                    to: values.wrapping_add(parts * arrangement.place(row, column)),
                    stride: parts * arrangement.stride,
                    count: parts * D::PANEL.min(arrangement.left_of_run(column)),
                };
                (results, D::PANEL, Some(rounded))
            }
        }
    }
}
