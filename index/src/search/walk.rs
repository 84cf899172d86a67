//! Searching a segment by its graph.

use std::cell::RefCell;

use roaring::RoaringTreemap;

use super::exact::admits;
use super::rerank::rerank;
use super::top::{Scored, Top};
use crate::graph::{GraphView, Guide, Target, Walker};
use crate::types::ItemId;
use crate::view::Sealed;

/// A row is scored exactly unless its score by codes is this many standard deviations of their error below the `k`-th
/// best exact score: one in 30,000 would be missed among those that are left out.
const DEVIATIONS: f32 = 4.0;

thread_local! {
    /// What a search needs of memory, kept from one to the next.
    static SCRATCH: RefCell<(Walker, Target)> = RefCell::default();
}

/// The `k` best rows that the graph leads to, of those that still hold and that the filter admits, by their exact
/// scores; `ef` are kept on the way. None when the graph leads to fewer, and a scan might find more.
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
        let guide = target.prepare(codes, segment.sketches(), query);
        walker.begin(codes.rows(), ef.max(k));
        walk(walker, sealed, &graph, &guide, filter);
        guide.settle(walker);
        let margin = DEVIATIONS * guide.deviation();
        let candidates = walker.pool().iter().map(|candidate| {
            let scale = codes.scales.get(candidate.id as usize).copied().unwrap_or_default();
            Scored {
                score: candidate.score + margin * scale,
                id: candidate.id,
            }
        });
        let top = rerank(sealed, query, k, candidates);
        top.is_full().then_some(top)
    })
}

/// Fills the walker's pool with rows that still hold and that the filter admits.
fn walk(
    walker: &mut Walker,
    sealed: &Sealed,
    graph: &GraphView<'_>,
    guide: &Guide<'_>,
    filter: Option<&RoaringTreemap>,
) {
    walker.descend(graph, guide);
    if filter.is_none() && sealed.dead.len() == 0 {
        walker.walk(graph, guide);
    } else {
        let ids = sealed.segment.ids();
        walker.walk_admitted(graph, guide, |row| {
            let id = ids.get(row as usize);
            !sealed.dead.contains(row as usize) && id.is_some_and(|id| admits(filter, *id))
        });
    }
}
