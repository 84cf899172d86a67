//! Nearest-neighbour search over one space: sealed vectors by scan or graph, unsealed ones by scan, merged.

mod exact;
mod plan;
pub(crate) mod top;

use roaring::RoaringTreemap;

pub(crate) use plan::{GRAPH_MIN_ROWS, plan};
pub use plan::{Method, Plan, PlanReason};

use crate::error::Result;
use crate::graph;
use crate::matrix::check_unit;
use crate::types::{Hit, ItemId};
use crate::view::{Sealed, SpaceView};
use top::{Scored, Top};

/// Which way the sealed vectors are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whatever is quicker; nothing is lost where the two are about equal.
    #[default]
    Auto,
    /// Scan every vector: the true nearest.
    Exact,
    /// Walk the graph, where there is one and the filter is not narrow.
    Graph,
}

/// What to search for.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchParams<'a> {
    /// Results wanted.
    pub k: usize,
    /// Scan or graph.
    pub mode: Mode,
    /// Candidates that a graph search keeps (more is slower and misses less); at least `2 * k` are kept. None means
    /// the default, 128.
    pub ef: Option<usize>,
    /// The items that may be found; none means all. `k` of them are found where `k` exist.
    pub filter: Option<&'a RoaringTreemap>,
}

pub(crate) fn search(view: &SpaceView, query: &[f32], params: &SearchParams<'_>) -> Result<Vec<Hit>> {
    let SearchParams { k, filter, .. } = *params;
    check_unit(&view.shape.space.name, view.shape.space.dim, query)?;
    if k == 0 {
        return Ok(Vec::new());
    }
    let fresh = exact::scan_matrix(&view.fresh, query, k, filter);
    let found = match &view.shape.sealed {
        None => fresh,
        Some(sealed) => {
            let walked = match plan(&view.shape, params).method {
                Method::Graph => walk_graph(sealed, query, params),
                Method::Exact => None,
            };
            fresh.merge(walked.unwrap_or_else(|| exact::scan_sealed(sealed, query, k, filter)))
        }
    };
    Ok(found
        .into_sorted()
        .into_iter()
        .map(|hit| Hit {
            id: hit.id,
            score: hit.score,
        })
        .collect())
}

/// The `k` best that the graph leads to; none when it leads to fewer, and a scan might find more.
fn walk_graph(sealed: &Sealed, query: &[f32], params: &SearchParams<'_>) -> Option<Top<ItemId>> {
    let (ids, vectors) = (sealed.segment.ids(), sealed.segment.vectors());
    let graph = sealed.segment.graph()?;
    let admits = |row: u32| {
        let id = ids.get(row as usize);
        !sealed.dead.contains(row as usize) && id.is_some_and(|id| exact::admits(params.filter, *id))
    };
    let mut top = Top::new(params.k);
    for Scored { score, id: row } in graph::search(&graph, vectors, query, plan::ef(params), admits) {
        top.push(Scored {
            score,
            id: *ids.get(row as usize)?,
        });
    }
    top.is_full().then_some(top)
}
