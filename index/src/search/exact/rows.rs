//! Which rows a scan goes through.

use roaring::RoaringTreemap;

use super::admits;
use crate::types::ItemId;
use crate::view::Sealed;

/// A row that is looked up takes as long as so many that are scanned in order.
const LISTED_COSTS: u64 = 2;

/// The rows that a scan goes through.
pub(super) enum Rows {
    /// All, which are so many. Whether one holds and is admitted is asked once it may be among the best.
    All(usize),
    /// These alone, ascending.
    Listed(Vec<u32>),
}

impl Rows {
    /// The rows among which those are that still hold and that the filter admits.
    pub(super) fn of(sealed: &Sealed, filter: Option<&RoaringTreemap>) -> Self {
        let all = sealed.segment.ids().len();
        match filter {
            Some(filter) if scan_costs(sealed, admitted(sealed, filter)) < all as u64 => {
                Self::Listed(listed(filter, sealed))
            }
            _ => Self::All(all),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::Listed(rows) => rows.len(),
        }
    }

    /// Whether a row that the scan found still holds, and the filter admits it.
    pub(super) fn holds(&self, row: u32, sealed: &Sealed, filter: Option<&RoaringTreemap>) -> bool {
        match self {
            Self::All(_) => {
                let id = sealed.segment.ids().get(row as usize);
                !sealed.dead.contains(row as usize) && id.is_some_and(|id| admits(filter, *id))
            }
            Self::Listed(_) => true,
        }
    }
}

/// How many of a segment's rows a filter admits, at most: some of the items may have been deleted.
pub(in crate::search) fn admitted(sealed: &Sealed, filter: &RoaringTreemap) -> u64 {
    let ids = sealed.segment.ids();
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) if first <= last => filter.range_cardinality(first..=last).min(ids.len() as u64),
        _ => 0,
    }
}

/// What a scan with a filter that admits so many rows costs, in rows that are scanned in order.
pub(in crate::search) fn scan_costs(sealed: &Sealed, admitted: u64) -> u64 {
    admitted
        .saturating_mul(LISTED_COSTS)
        .min(sealed.segment.ids().len() as u64)
}

/// The rows of a filter's items whose sealed vectors still hold, ascending.
fn listed(filter: &RoaringTreemap, sealed: &Sealed) -> Vec<u32> {
    let ids = sealed.segment.ids();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Vec::new();
    };
    let mut wanted = filter.iter();
    wanted.advance_to(*first);
    let mut rows = Vec::with_capacity(usize::try_from(filter.len()).unwrap_or_default().min(ids.len()));
    let mut from = 0;
    for id in wanted.take_while(|id| id <= last) {
        let place = place(ids, from, id);
        if ids.get(place) == Some(&id) && !sealed.dead.contains(place) {
            rows.extend(u32::try_from(place));
        }
        from = place;
    }
    rows
}

/// The place of the first id that is not smaller than `id`, where all before `from` are smaller.
fn place(ids: &[ItemId], from: usize, id: ItemId) -> usize {
    let here = ids.get(from).copied().unwrap_or(id);
    // Ids are distinct: it is at most so far away, and exactly so far where none between was deleted.
    let away = usize::try_from(id.saturating_sub(here)).unwrap_or(usize::MAX);
    let mut end = from.saturating_add(away).min(ids.len());
    let mut step = 1;
    while end > from && ids.get(end - 1).is_some_and(|before| *before >= id) {
        let start = end.saturating_sub(step).max(from);
        if ids.get(start).is_some_and(|at| *at < id) {
            let between = ids.get(start..end).unwrap_or_default();
            return start + between.partition_point(|at| *at < id);
        }
        end = start;
        step *= 2;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;

    #[test]
    fn places_are_those_of_a_search_from_the_first() {
        for (gap, seed) in [(1.0, 1), (1.2, 2), (3.0, 3), (500.0, 4)] {
            let mut id = 7;
            let ids: Vec<ItemId> = Noise::new(seed)
                .values(300)
                .iter()
                .map(|value| {
                    id += 1 + (value.abs() * gap) as u64;
                    id
                })
                .collect();
            let mut from = 0;
            for id in 0..id + 3 {
                let found = place(&ids, from, id);
                assert_eq!(found, ids.partition_point(|at| *at < id), "{id} of gap {gap}");
                assert_eq!(place(&ids, 0, id), found);
                if id % 3 == 0 {
                    from = found;
                }
            }
        }
    }

    #[test]
    fn ids_that_do_not_ascend_lead_nowhere_bad() {
        let ids = [9, 3, u64::MAX, 0, 5, 5, 1];
        for from in 0..9 {
            for id in [0, 1, 4, 5, 9, u64::MAX] {
                assert!(place(&ids, from, id) <= ids.len().max(from));
            }
        }
        assert_eq!(place(&[], 0, 3), 0);
    }
}
