//! Nearest-neighbour search over one space: each segment by scan or graph, unsealed vectors by scan, merged.

mod exact;
mod plan;
pub(crate) mod recall;
mod rerank;
pub(crate) mod top;
mod walk;

use rayon::prelude::*;
use roaring::RoaringTreemap;

pub(crate) use plan::{GRAPH_MIN_ROWS, plan};
pub use plan::{Method, Plan, PlanReason};

use crate::error::Result;
use crate::matrix::check_unit;
use crate::types::{Hit, ItemId};
use crate::view::{Sealed, SpaceView};
use top::Top;

/// Which way the sealed vectors are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whatever is quicker; nothing is lost where the two are about equal.
    #[default]
    Auto,
    /// Scan every vector: the true nearest.
    Exact,
    /// Walk graphs, where there are some and the filter is not narrow.
    Graph,
}

/// What to search for.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchParams<'a> {
    /// Results wanted.
    pub k: usize,
    /// Scan or graph.
    pub mode: Mode,
    /// Candidates that the walk of a graph keeps (more is slower and misses less); at least `k` are kept. None means
    /// what reaches [`SearchParams::target_recall`].
    pub ef: Option<usize>,
    /// The share of the ten true nearest that is to be found, 0 to 1; candidates are kept as was measured when the
    /// segments were made, and a segment whose graph does not reach it is scanned. None means 0.99, or what the graph
    /// reaches.
    pub target_recall: Option<f32>,
    /// The items that may be found; none means all. `k` of them are found where `k` exist.
    pub filter: Option<&'a RoaringTreemap>,
}

pub(crate) fn search(view: &SpaceView, query: &[f32], params: &SearchParams<'_>) -> Result<Vec<Hit>> {
    let SearchParams { k, filter, .. } = *params;
    check_unit(&view.shape.space.name, view.shape.space.dim, query)?;
    if k == 0 {
        return Ok(Vec::new());
    }
    let mut found = exact::scan_matrix(&view.fresh, query, k, filter);
    for sealed in &view.shape.sealed {
        found = found.merge(search_segment(sealed, query, params));
    }
    Ok(hits(found))
}

/// [`search`] for each of several queries, on all cores.
pub(crate) fn search_many<Q: AsRef<[f32]> + Sync>(
    view: &SpaceView,
    queries: &[Q],
    params: &SearchParams<'_>,
) -> Result<Vec<Vec<Hit>>> {
    let SearchParams { k, filter, .. } = *params;
    for query in queries {
        check_unit(&view.shape.space.name, view.shape.space.dim, query.as_ref())?;
    }
    if k == 0 {
        return Ok(vec![Vec::new(); queries.len()]);
    }
    let each = queries.par_iter().map(AsRef::as_ref);
    let mut found: Vec<_> = each
        .clone()
        .map(|query| exact::scan_matrix(&view.fresh, query, k, filter))
        .collect();
    for sealed in &view.shape.sealed {
        let more: Vec<_> = match plan::choose(sealed, params).method {
            Method::Graph => each
                .clone()
                .map(|query| search_segment(sealed, query, params))
                .collect(),
            Method::Exact => exact::scan_sealed_many(sealed, queries, k, filter),
        };
        found = found
            .into_iter()
            .zip(more)
            .map(|(found, more)| found.merge(more))
            .collect();
    }
    Ok(found.into_iter().map(hits).collect())
}

/// Best first.
fn hits(found: Top<ItemId>) -> Vec<Hit> {
    let sorted = found.into_sorted().into_iter();
    let hit = |hit: top::Scored<ItemId>| Hit {
        id: hit.id,
        score: hit.score,
    };
    sorted.map(hit).collect()
}

fn search_segment(sealed: &Sealed, query: &[f32], params: &SearchParams<'_>) -> Top<ItemId> {
    let SearchParams { k, filter, .. } = *params;
    let chosen = plan::choose(sealed, params);
    let walked = match chosen.method {
        Method::Graph => walk::walk_graph(sealed, query, k, chosen.ef, filter),
        Method::Exact => None,
    };
    walked.unwrap_or_else(|| exact::scan_sealed(sealed, query, k, filter))
}

#[cfg(test)]
mod tests;
