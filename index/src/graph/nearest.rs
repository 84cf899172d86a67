//! Searching level 0 while it grows: for a row that is inserted, or a training query.

use std::cell::RefCell;

use half::slice::HalfFloatSliceExt;

use super::lists::Lists;
use super::search::Links;
use super::{GraphView, Target, Walker};
use crate::matrix::{self, Matrix};
use crate::quantize::Codes;
use crate::search::top::Scored;
use crate::sketch::Sketches;

thread_local! {
    /// What a search needs of memory, kept from one to the next.
    static SCRATCH: RefCell<(Walker, Target)> = RefCell::default();
}

/// The rows of a matrix in all the forms that building reads.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) codes: &'a Codes,
    pub(super) sketches: Option<&'a Sketches>,
}

impl<'a> Rows<'a> {
    /// Rows without sketches.
    #[cfg(test)]
    pub(super) fn plain(matrix: &'a Matrix, codes: &'a Codes) -> Self {
        Self {
            matrix,
            codes,
            sketches: None,
        }
    }

    /// A row as a query.
    pub(super) fn query(&self, row: u32) -> Vec<f32> {
        matrix::row(&self.matrix.vectors, self.matrix.dim, row as usize).to_f32_vec()
    }

    /// The up to `ef` rows nearest to `query` that walks lead to, nearest first: through the levels of `upper`, then
    /// through the lists of level 0.
    pub(super) fn nearest(&self, upper: &GraphView<'_>, lists: &Lists, query: &[f32], ef: usize) -> Vec<Scored<u32>> {
        SCRATCH.with_borrow_mut(|(walker, target)| {
            let codes = self.codes.view();
            let mut guide = target.prepare(codes, self.sketches.map(Sketches::view), query);
            walker.begin(codes.rows(), ef);
            walker.descend(upper, &mut guide);
            walker.walk(lists, &mut guide);
            guide.settle(walker);
            walker.pool().iter().collect()
        })
    }
}

impl Links for Lists {
    #[inline]
    fn each(&self, row: u32, visit: impl FnMut(u32)) {
        self.of(row).iter().copied().for_each(visit);
    }

    #[inline]
    fn prefetch(&self, row: u32) {
        crate::kernel::prefetch(self.places_of(row));
    }
}
