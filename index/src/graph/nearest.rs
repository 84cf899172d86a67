//! Searching level 0 while it grows: for a row that is inserted, or a training query.

use std::cell::RefCell;

use super::lists::Lists;
use super::search::Links;
use super::{ByCodes, GraphView, Walker};
use crate::quantize::{Codes, PreparedQuery};
use crate::search::top::Scored;

thread_local! {
    /// What a search needs of memory, kept from one to the next.
    static SCRATCH: RefCell<(Walker, PreparedQuery)> = RefCell::default();
}

/// The up to `ef` rows nearest to `query` that walks lead to, nearest first: through the levels of `upper`, then through
/// the lists of level 0.
pub(super) fn nearest(
    upper: &GraphView<'_>,
    lists: &Lists,
    codes: &Codes,
    query: &[f32],
    ef: usize,
) -> Vec<Scored<u32>> {
    SCRATCH.with_borrow_mut(|(walker, prepared)| {
        let codes = codes.view();
        prepared.prepare(&codes, query);
        let scorer = ByCodes { codes, query: prepared };
        walker.begin(codes.rows(), ef);
        walker.descend(upper, &scorer);
        walker.walk(lists, &scorer);
        walker.pool().iter().collect()
    })
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
