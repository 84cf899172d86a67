//! Inserting rows into level 0: a beam search for each, the relative neighbourhood rule, and edges back.
//!
//! Rows are inserted in batches (Manohar et al., ParlayANN, 2024): those of a batch are searched for side by side in
//! lists that do not change meanwhile, and then linked. So no list needs a lock, and the outcome does not depend on
//! the threads.

use std::cell::RefCell;

use rayon::prelude::*;

use super::beam::{Beam, Candidate, Target};
use super::lists::{Edge, Lists};
use super::prune;
use super::scorer::Scorer;

thread_local! {
    static BEAM: RefCell<Beam> = RefCell::default();
}

/// How rows are linked.
#[derive(Clone, Copy)]
pub(crate) struct Linking {
    /// Candidates kept in the search for a row.
    pub(crate) ef: usize,
    /// Neighbours that a row chooses.
    pub(crate) chosen: usize,
    /// Neighbours left where edges back have filled a list.
    pub(crate) kept: usize,
    pub(crate) slack: f32,
}

/// A row as the target of a search.
pub(super) struct Row<'a, S> {
    pub(super) scorer: &'a S,
    pub(super) row: u32,
}

impl<S: Scorer> Target for Row<'_, S> {
    fn score(&self, row: u32) -> f32 {
        self.scorer.similarity(self.row, row)
    }

    fn prefetch(&self, row: u32) {
        self.scorer.prefetch(row);
    }
}

/// Links the rows of a batch with their nearest among the rows linked so far. Rows that are linked already get better
/// neighbours.
pub(super) fn link<S: Scorer>(
    lists: &mut Lists,
    scorer: &S,
    batch: &[u32],
    linking: &Linking,
    start: impl Fn(&Row<'_, S>) -> u32 + Sync,
) {
    let reader = &*lists;
    let outgoing: Vec<Vec<u32>> = batch
        .par_iter()
        .map(|row| {
            let target = Row { scorer, row: *row };
            BEAM.with_borrow_mut(|beam| {
                let found = beam.search(reader, start(&target), linking.ef, &target);
                let old = reader.of(*row);
                if old.is_empty() {
                    return prune::choose(scorer, *row, found, linking.chosen, linking.slack);
                }
                let mut candidates = prune::ranked(scorer, *row, old);
                candidates.extend_from_slice(found);
                candidates.sort_unstable_by(Candidate::nearer_first);
                candidates.dedup_by_key(|candidate| candidate.row);
                prune::choose(scorer, *row, &candidates, linking.kept, linking.slack)
            })
        })
        .collect();
    let mut back = Vec::new();
    for (row, neighbours) in batch.iter().zip(&outgoing) {
        lists.set(*row, neighbours);
        back.extend(neighbours.iter().map(|neighbour| Edge { from: *neighbour, to: *row }));
    }
    back.par_sort_unstable();
    lists.update(&back, |row, neighbours| {
        prune::choose(scorer, row, &prune::ranked(scorer, row, neighbours), linking.kept, linking.slack)
    });
}

pub(super) fn evaluations() -> u64 {
    rayon::broadcast(|_| BEAM.with_borrow(|b| b.evaluations)).into_iter().sum()
}
