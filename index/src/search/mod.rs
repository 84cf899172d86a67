//! Nearest-neighbour search over one space: sealed vectors by scan or graph, unsealed ones by scan, merged.

mod exact;
mod plan;
mod rerank;
pub(crate) mod top;
mod walk;

use roaring::RoaringTreemap;

pub(crate) use plan::{GRAPH_MIN_ROWS, plan};
pub use plan::{Method, Plan, PlanReason};

use crate::error::Result;
use crate::matrix::check_unit;
use crate::types::Hit;
use crate::view::SpaceView;

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
                Method::Graph => walk::walk_graph(sealed, query, k, plan::ef(params), filter),
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

#[cfg(test)]
mod tests;
