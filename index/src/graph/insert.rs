//! Inserting rows into level 0: a beam search for each, the relative neighbourhood rule, and edges back.
//!
//! Rows are inserted in batches (Manohar et al., ParlayANN, 2024): those of a batch are searched for side by side in
//! lists that do not change meanwhile, and then linked. So no list needs a lock, and the outcome does not depend on
//! which thread is first.

use rayon::prelude::*;

use super::GraphView;
use super::lists::{Edge, Lists};
use super::nearest::Rows;
use super::prune;
use super::steps::Steps;
use crate::error::Result;
use crate::quantize::Codes;

/// Lists settled between two questions whether the graph is still wanted.
const CHECKED: u32 = 1024;

/// How rows are linked.
#[derive(Clone, Copy)]
pub(super) struct Linking {
    /// Candidates kept in the search for a row.
    pub(super) ef: usize,
    /// Neighbours that a row chooses.
    pub(super) chosen: usize,
    /// Neighbours that it may have by edges back; then it keeps the best.
    pub(super) most: usize,
    /// Neighbours that it keeps.
    pub(super) kept: usize,
}

/// Links the rows of a batch with their nearest among the rows linked so far.
///
/// # Errors
/// [`IndexError::Cancelled`](crate::IndexError::Cancelled).
pub(super) fn link(
    lists: &mut Lists,
    rows: &Rows<'_>,
    upper: &GraphView<'_>,
    batch: &[u32],
    linking: &Linking,
    steps: &Steps<'_>,
) -> Result<()> {
    let reader = &*lists;
    let neighbours = |row: &u32| {
        steps.advance()?;
        Ok(choose(reader, rows, upper, *row, linking))
    };
    let chosen: Vec<Vec<u32>> = batch.par_iter().map(neighbours).collect::<Result<_>>()?;
    let mut back = Vec::with_capacity(batch.len() * linking.chosen);
    for (row, neighbours) in batch.iter().zip(&chosen) {
        lists.set(*row, neighbours);
        let edge = |neighbour: &u32| Edge {
            from: *neighbour,
            to: *row,
        };
        back.extend(neighbours.iter().map(edge));
    }
    back.par_sort_unstable();
    lists.update(&back, linking.most, |row, neighbours| {
        prune::prune(rows.codes, row, neighbours, linking.kept)
    });
    Ok(())
}

/// The neighbours of a row that is not linked yet.
fn choose(lists: &Lists, rows: &Rows<'_>, upper: &GraphView<'_>, row: u32, linking: &Linking) -> Vec<u32> {
    let found = rows.nearest(upper, lists, &rows.query(row), linking.ef);
    prune::choose(rows.codes, row, &found, linking.chosen)
}

/// Cuts every list to the neighbours that it is to keep.
///
/// # Errors
/// [`IndexError::Cancelled`](crate::IndexError::Cancelled).
pub(super) fn settle(lists: &mut Lists, codes: &Codes, kept: usize, steps: &Steps<'_>) -> Result<()> {
    lists.rewrite(|row, neighbours| {
        if row.is_multiple_of(CHECKED) {
            steps.check()?;
        }
        Ok((neighbours.len() > kept).then(|| prune::prune(codes, row, neighbours, kept)))
    })
}
