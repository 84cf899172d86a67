//! The best rows of a walk.

use crate::search::top::Scored;

/// Marks a row whose neighbours the walk has looked at.
const EXPANDED: u32 = 1 << 31;
/// Rows that a graph can have: the highest bit of a row's number is the pool's.
pub(crate) const MAX_ROWS: usize = EXPANDED as usize;

/// Places from the next to be expanded on that will be soon.
const SOON: usize = 4;

/// The best rows so far, best first, and whether each was expanded: one sorted array, in which a search of a few
/// hundred rows is done sooner than in heaps.
#[derive(Default)]
pub(crate) struct Pool {
    entries: Vec<Entry>,
    capacity: usize,
    /// All before this place are expanded.
    next: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    score: f32,
    /// With [`EXPANDED`].
    row: u32,
}

impl Pool {
    /// Empties the pool, which keeps the best `capacity` from now on.
    pub(crate) fn begin(&mut self, capacity: usize) {
        self.entries.clear();
        (self.capacity, self.next) = (capacity, 0);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What a score must exceed to be kept.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        if self.entries.len() < self.capacity {
            f32::NEG_INFINITY
        } else {
            self.entries.last().map_or(f32::INFINITY, |worst| worst.score)
        }
    }

    /// Adds a row that is not there yet, if it is good enough. Returns whether it is among the next to be expanded.
    #[inline]
    pub(crate) fn push(&mut self, score: f32, row: u32) -> bool {
        // What is not a number is never greater.
        score > self.threshold() && self.insert(score, row)
    }

    fn insert(&mut self, score: f32, row: u32) -> bool {
        if self.entries.len() == self.capacity {
            self.entries.pop();
        }
        let place = self.entries.partition_point(|entry| entry.score >= score);
        self.entries.insert(place, Entry { score, row });
        let leads = place < self.next + SOON;
        self.next = self.next.min(place);
        leads
    }

    /// The best row that is not expanded, from now on marked as expanded.
    #[inline]
    pub(crate) fn expand(&mut self) -> Option<u32> {
        while let Some(entry) = self.entries.get_mut(self.next) {
            self.next += 1;
            if entry.row & EXPANDED == 0 {
                entry.row |= EXPANDED;
                return Some(entry.row & !EXPANDED);
            }
        }
        None
    }

    /// Gives the entries, in their order, other scores, and sorts them by these.
    pub(crate) fn rescore(&mut self, scores: &[f32]) {
        for (entry, score) in self.entries.iter_mut().zip(scores) {
            entry.score = *score;
        }
        self.entries.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    }

    /// The best row.
    pub(crate) fn best(&self) -> Option<u32> {
        self.entries.first().map(|entry| entry.row & !EXPANDED)
    }

    /// Best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Scored<u32>> + Clone {
        self.entries.iter().map(|entry| Scored {
            score: entry.score,
            id: entry.row & !EXPANDED,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pool: &Pool) -> Vec<u32> {
        pool.iter().map(|hit| hit.id).collect()
    }

    #[test]
    fn the_best_are_kept_in_order() {
        let mut pool = Pool::default();
        for _ in 0..2 {
            pool.begin(3);
            for (score, row) in [
                (0.5, 1),
                (0.9, 2),
                (f32::NAN, 3),
                (0.1, 4),
                (0.7, 5),
                (0.2, 6),
                (0.5, 7),
            ] {
                pool.push(score, row);
            }
            assert_eq!(rows(&pool), [2, 5, 1]);
            assert_eq!(pool.threshold(), 0.5);
            assert_eq!(pool.best(), Some(2));
        }
        pool.begin(0);
        assert!(!pool.push(1.0, 1));
        assert_eq!(pool.iter().count(), 0);
    }

    #[test]
    fn rows_are_sorted_by_other_scores() {
        let mut pool = Pool::default();
        pool.begin(4);
        for (score, row) in [(0.5, 1), (0.9, 2), (0.7, 3)] {
            pool.push(score, row);
        }
        pool.rescore(&[0.1, f32::NAN, 0.3]);
        assert_eq!(
            pool.iter()
                .skip(1)
                .map(|found| (found.score, found.id))
                .collect::<Vec<_>>(),
            [(0.3, 1), (0.1, 2)]
        );
    }

    #[test]
    fn rows_that_lead_soon_are_told_from_others() {
        let mut pool = Pool::default();
        pool.begin(10);
        let told: Vec<_> = (0..6u8).map(|row| pool.push(-f32::from(row), row.into())).collect();
        assert_eq!(told, [true, true, true, true, false, false]);
    }

    #[test]
    fn each_row_is_expanded_once_the_best_first() {
        let mut pool = Pool::default();
        pool.begin(4);
        assert!(pool.push(0.5, 1));
        assert!(pool.push(0.4, 2));
        assert_eq!(pool.expand(), Some(1));
        assert!(pool.push(0.45, 3), "next, though behind an expanded row");
        assert!(pool.push(0.9, 4));
        assert!(!pool.push(0.3, 5), "not among the best four");
        assert_eq!([pool.expand(), pool.expand()], [Some(4), Some(3)]);
        assert!(pool.push(0.41, 6));
        assert_eq!([pool.expand(), pool.expand()], [Some(6), None]);
        assert_eq!(rows(&pool), [4, 1, 3, 6]);
    }
}
