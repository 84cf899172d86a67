//! Searching a segment by its graph.

use std::cell::RefCell;

use roaring::RoaringTreemap;

use super::exact::{admits, admitted, scan_costs};
use super::rerank::rerank;
use super::top::{Scored, Top};
use crate::graph::{GraphView, Guide, Target, Walker};
use crate::types::ItemId;
use crate::view::Sealed;

/// A row is scored exactly unless its score by codes is this many standard deviations of their error below the `k`-th
/// best exact score: one in 30,000 would be missed among those that are left out.
const DEVIATIONS: f32 = 4.0;

/// A walk with a filter may score so many rows in any case.
const LEAST_SCORED: u64 = 4_096;

thread_local! {
    /// What a search needs of memory, kept from one to the next.
    static SCRATCH: RefCell<(Walker, Target)> = RefCell::default();
}

/// The `k` best rows that the graph leads to, of those that still hold and that the filter admits, by their exact
/// scores; `ef` are kept on the way. None when the graph leads to fewer, and a scan might find more, or when a scan is
/// quicker: so it is where few of the rows near the query are admitted.
pub(super) fn walk_graph(
    sealed: &Sealed,
    query: &[f32],
    k: usize,
    ef: usize,
    filter: Option<&RoaringTreemap>,
) -> Option<Top<ItemId>> {
    let (segment, codes) = (&sealed.segment, sealed.segment.codes());
    let graph = segment.graph()?;
    SCRATCH.with_borrow_mut(|(walker, target)| {
        let mut guide = target.prepare(codes, segment.sketches(), query);
        walker.begin(codes.rows(), ef.max(k));
        if !walk(walker, sealed, &graph, &mut guide, filter) {
            return None;
        }
        guide.settle(walker);
        let margin = DEVIATIONS * guide.deviation();
        let candidates = walker.pool().iter().map(|candidate| Scored {
            score: candidate.score + margin * codes.scale(candidate.id),
            id: candidate.id,
        });
        let top = rerank(sealed, query, k, candidates);
        top.is_full().then_some(top)
    })
}

/// Fills the walker's pool with rows that still hold and that the filter admits; whether it came to its end.
fn walk(
    walker: &mut Walker,
    sealed: &Sealed,
    graph: &GraphView<'_>,
    guide: &mut Guide<'_>,
    filter: Option<&RoaringTreemap>,
) -> bool {
    walker.descend(graph, guide);
    if filter.is_none() && sealed.dead.len() == 0 {
        walker.walk(graph, guide);
        true
    } else {
        let ids = sealed.segment.ids();
        walker.walk_admitted(graph, guide, most_scored(sealed, filter), |row| {
            let id = ids.get(row as usize);
            !sealed.dead.contains(row as usize) && id.is_some_and(|id| admits(filter, *id))
        })
    }
}

/// How many rows may be scored on the way until a scan would have been quicker.
fn most_scored(sealed: &Sealed, filter: Option<&RoaringTreemap>) -> usize {
    let rows = sealed.segment.ids().len() as u64;
    let scan = filter.map_or(rows, |filter| scan_costs(sealed, admitted(sealed, filter)));
    let most = scan.max(LEAST_SCORED);
    // There are no more rows than that, so that nothing is to be judged.
    let all = most >= rows;
    usize::try_from(most).ok().filter(|_| !all).unwrap_or(usize::MAX)
}
