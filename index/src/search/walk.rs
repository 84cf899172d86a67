//! Walking the graph of a segment.

use roaring::RoaringTreemap;

use super::exact::admits;
use super::top::{Scored, Top};
use crate::graph;
use crate::types::ItemId;
use crate::view::Sealed;

/// The `k` best that the graph leads to, of those that still hold and that the filter admits; none when it leads to
/// fewer, and a scan might find more. The walk keeps `ef` candidates.
pub(super) fn walk_graph(
    sealed: &Sealed,
    query: &[f32],
    k: usize,
    ef: usize,
    filter: Option<&RoaringTreemap>,
) -> Option<Top<ItemId>> {
    let (ids, vectors) = (sealed.segment.ids(), sealed.segment.vectors());
    let graph = sealed.segment.graph()?;
    let holds = |row: u32| {
        let id = ids.get(row as usize);
        !sealed.dead.contains(row as usize) && id.is_some_and(|id| admits(filter, *id))
    };
    let mut top = Top::new(k);
    for Scored { score, id: row } in graph::search(&graph, vectors, query, ef, holds) {
        top.push(Scored {
            score,
            id: *ids.get(row as usize)?,
        });
    }
    top.is_full().then_some(top)
}
