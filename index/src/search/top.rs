//! The best results so far.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A scored item id or row. Ordered by score; among equal scores the smaller id is the greater.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored<T> {
    pub(crate) score: f32,
    pub(crate) id: T,
}

impl<T: Ord> Ord for Scored<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.id.cmp(&self.id))
    }
}

impl<T: Ord> PartialOrd for Scored<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Scored<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Scored<T> {}

/// Keeps the `k` greatest of what is pushed. The outcome does not depend on the order of pushing.
pub(crate) struct Top<T> {
    k: usize,
    heap: BinaryHeap<Reverse<Scored<T>>>,
}

impl<T: Ord + Copy> Top<T> {
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::new(),
        }
    }

    /// Whether it was kept.
    pub(crate) fn push(&mut self, candidate: Scored<T>) -> bool {
        if self.heap.len() < self.k {
            self.heap.push(Reverse(candidate));
            return true;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if candidate > worst.0 => {
                *worst = Reverse(candidate);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        for Reverse(candidate) in other.heap {
            self.push(candidate);
        }
        self
    }

    pub(crate) fn is_full(&self) -> bool {
        self.heap.len() >= self.k
    }

    /// The least of those kept.
    pub(crate) fn worst(&self) -> Option<&Scored<T>> {
        self.heap.peek().map(|Reverse(worst)| worst)
    }

    /// Greatest first.
    pub(crate) fn into_sorted(self) -> Vec<Scored<T>> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|Reverse(candidate)| candidate)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_greatest_and_breaks_ties_by_id() {
        let pushed = [(0.5, 9u64), (0.9, 4), (0.5, 2), (0.1, 1), (0.5, 3)];
        let sorted = |k, order: &mut dyn Iterator<Item = (f32, u64)>| {
            let mut top = Top::new(k);
            for (score, id) in order {
                top.push(Scored { score, id });
            }
            top.into_sorted().iter().map(|hit| hit.id).collect::<Vec<_>>()
        };
        assert_eq!(sorted(4, &mut pushed.into_iter()), [4, 2, 3, 9]);
        assert_eq!(sorted(2, &mut pushed.into_iter().rev()), [4, 2]);
        assert_eq!(sorted(9, &mut pushed.into_iter()), [4, 2, 3, 9, 1]);
        assert!(sorted(0, &mut pushed.into_iter()).is_empty());
    }
}
