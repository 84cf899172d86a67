//! Edges for queries of another kind than the rows: texts in a graph of images.
//!
//! The rows nearest to a text are often far from one another, so that a graph which joins each row to its own nearest
//! leads to some of them by long ways round (Chen et al., RoarGraph, VLDB 2024). Training queries show where: the rows
//! nearest to one are joined by the shortest edges that make them one component, in the spirit of NGFix.

use rayon::prelude::*;

use super::GraphView;
use super::lists::Lists;
use super::nearest::Rows;
use super::steps::Steps;
use crate::error::Result;
use crate::quantize::Codes;

/// How far training queries are followed.
#[derive(Clone, Copy)]
pub(super) struct Bridging {
    /// Candidates kept in the search for a query's nearest rows.
    pub(super) ef: usize,
    /// How many of them are joined.
    pub(super) joined: usize,
}

/// Queries that are searched for side by side; those of a batch do not see each other's edges.
const BATCH: usize = 2048;

/// Adds the edges that `queries` ask for, both ways, while the lists have places for them.
///
/// # Errors
/// [`IndexError::Cancelled`](crate::IndexError::Cancelled).
pub(super) fn bridge(
    lists: &mut Lists,
    rows: &Rows<'_>,
    upper: &GraphView<'_>,
    queries: &[&[f32]],
    bridging: &Bridging,
    steps: &Steps<'_>,
) -> Result<()> {
    for batch in queries.chunks(BATCH) {
        let reader = &*lists;
        let wanted = |query: &&[f32]| {
            steps.advance()?;
            Ok(wanted(reader, rows, upper, query, bridging))
        };
        let wanted: Vec<Vec<(u32, u32)>> = batch.par_iter().map(wanted).collect::<Result<_>>()?;
        for (a, b) in wanted.into_iter().flatten() {
            lists.push(a, b);
            lists.push(b, a);
        }
    }
    Ok(())
}

/// The edges that one query asks for.
fn wanted(
    lists: &Lists,
    rows: &Rows<'_>,
    upper: &GraphView<'_>,
    query: &[f32],
    bridging: &Bridging,
) -> Vec<(u32, u32)> {
    let found = rows.nearest(upper, lists, query, bridging.ef);
    let near: Vec<u32> = found.iter().take(bridging.joined).map(|found| found.id).collect();
    joints(lists, rows.codes, &near)
}

/// The shortest edges that make `rows` one component, where the edges that there are do not.
fn joints(lists: &Lists, codes: &Codes, rows: &[u32]) -> Vec<(u32, u32)> {
    let mut components = Components::new(rows.len());
    for (at, row) in rows.iter().enumerate() {
        for neighbour in lists.of(*row) {
            if let Some(other) = rows.iter().position(|row| row == neighbour) {
                components.join(at, other);
            }
        }
    }
    let mut pairs = Vec::new();
    for (at, a) in rows.iter().enumerate() {
        for (other, b) in rows.iter().enumerate().take(at) {
            if components.of(at) != components.of(other) {
                pairs.push((codes.similarity(*a, *b), at, other));
            }
        }
    }
    pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    pairs.retain(|(_, a, b)| components.join(*a, *b));
    pairs
        .iter()
        .filter_map(|(_, a, b)| Some((*rows.get(*a)?, *rows.get(*b)?)))
        .collect()
}

/// Disjoint sets of a few elements: each names the least one of its set.
struct Components(Vec<usize>);

impl Components {
    fn new(elements: usize) -> Self {
        Self((0..elements).collect())
    }

    fn of(&self, element: usize) -> usize {
        self.0.get(element).copied().unwrap_or(element)
    }

    /// Makes two sets one; false when they are.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.of(a), self.of(b));
        for set in self.0.iter_mut().filter(|set| **set == a.max(b)) {
            *set = a.min(b);
        }
        a != b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::testing::{Noise, unit, unit_rows};

    const BRIDGING: Bridging = Bridging { ef: 30, joined: 3 };

    const PLACES: usize = 4;

    /// Rows of which each leads to the next alone.
    fn ring(rows: u32) -> Lists {
        let mut lists = Lists::new(rows as usize, PLACES);
        (0..rows).for_each(|row| lists.set(row, &[(row + 1) % rows]));
        lists
    }

    fn bridged(queries: &[&[f32]], cancelled: bool) -> Result<Lists> {
        let matrix = unit_rows(30, 16, 0.0, 4);
        let codes = Codes::new(&matrix).unwrap();
        let upper = Graph::default();
        let cancelled = move || cancelled;
        let steps = Steps::new(queries.len() as u64, &|_, _| (), &cancelled);
        let mut lists = ring(30);
        bridge(
            &mut lists,
            &Rows::plain(&matrix, &codes),
            &upper.view(),
            queries,
            &BRIDGING,
            &steps,
        )?;
        Ok(lists)
    }

    #[test]
    fn the_rows_nearest_to_a_query_become_connected() {
        let matrix = unit_rows(30, 16, 0.0, 4);
        let codes = Codes::new(&matrix).unwrap();
        let rows = Rows::plain(&matrix, &codes);
        let apart =
            |lists: &Lists, query: &[f32]| !wanted(lists, &rows, &Graph::default().view(), query, &BRIDGING).is_empty();
        let queries: Vec<Vec<f32>> = (0..20).map(|seed| unit(Noise::new(seed).values(16))).collect();
        assert!(queries.iter().any(|query| apart(&ring(30), query)));
        for query in &queries {
            assert!(!apart(&bridged(&[query], false).unwrap(), query));
        }
    }

    #[test]
    fn no_row_gets_more_neighbours_than_it_has_places() {
        let queries: Vec<Vec<f32>> = (0..40).map(|seed| unit(Noise::new(seed).values(16))).collect();
        let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
        let lists = bridged(&queries, false).unwrap();
        let most = (0..30).map(|row| lists.of(row).len()).max();
        assert_eq!(most, Some(PLACES));
    }

    #[test]
    fn bridging_ends_when_it_is_cancelled() {
        let query = unit(vec![1.0; 16]);
        assert!(bridged(&[&query], true).is_err());
    }

    #[test]
    fn components_are_joined_once() {
        let mut components = Components::new(4);
        assert!(components.join(0, 3) && components.join(1, 2) && components.join(3, 2));
        assert!(!components.join(0, 1));
        assert!((0..4).all(|element| components.of(element) == 0));
    }
}
