//! Choosing between the exact scan and the graph.

use std::fmt;

use super::{Mode, SearchParams};
use crate::view::{Sealed, Shape};

// Measured with the example `threshold` on two cores with AVX2: 22,000 vectors of 384 dimensions are scanned in 1.2 to
// 1.6 ms, and the graph takes 0.6, 1.0 and 1.6 ms with 64, 128 and 256 candidates. A candidate costs as much as
// scanning about 100 vectors on both cores, or 50 on one.

/// Below this many sealed vectors a scan takes hardly longer than the graph, and loses nothing.
pub(crate) const GRAPH_MIN_ROWS: usize = 20_000;
/// Vectors that are scanned in the time that the graph search takes for one candidate.
const ROWS_A_CANDIDATE: usize = 80;
/// A filter that admits less than one in this many vectors makes the graph walk mostly over what is not admitted.
const FILTER_MIN_SHARE: u64 = 20;
/// Below this many admitted vectors a scan is quick anyway.
const FILTER_MIN_ITEMS: u64 = 5_000;
/// Candidates kept by the graph search where the caller names no number.
const DEFAULT_EF: usize = 128;

/// How the sealed vectors of a space are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Every vector is scanned.
    Exact,
    /// The graph is walked.
    Graph,
}

/// Why a method was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanReason {
    /// The caller asked for it.
    Asked,
    /// No vector is sealed.
    NothingSealed,
    /// The segment cannot be used; see [`Plan::problem`].
    SegmentUnusable,
    /// The segment has no graph.
    NoGraph,
    /// So few vectors that a scan is as quick.
    FewVectors,
    /// So many results are asked for that a scan is as quick.
    ManyResults,
    /// The filter admits so few vectors that a scan is quicker.
    NarrowFilter,
    /// So many vectors that the graph is quicker.
    ManyVectors,
}

/// What a search of a space will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How the sealed vectors are searched.
    pub method: Method,
    /// Why.
    pub reason: PlanReason,
    /// Sealed vectors that still hold.
    pub sealed: u64,
    /// Vectors that are scanned in any case, for they are in no usable segment.
    pub unsealed: u64,
    /// What is wrong with the segment, where it cannot be used.
    pub problem: Option<String>,
}

impl fmt::Display for PlanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked for",
            Self::NothingSealed => "nothing is sealed yet",
            Self::SegmentUnusable => "the segment cannot be used",
            Self::NoGraph => "the segment has no graph",
            Self::FewVectors => "few vectors: a scan is as quick and loses nothing",
            Self::ManyResults => "many results are asked for",
            Self::NarrowFilter => "the filter admits few vectors",
            Self::ManyVectors => "many vectors",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Exact => "exact scan",
            Method::Graph => "graph",
        };
        write!(
            f,
            "{method} ({}); {} sealed, {} unsealed",
            self.reason, self.sealed, self.unsealed
        )
    }
}

/// Candidates that a graph search keeps. It does not depend on `k` while `k` is small, so that asking for more
/// results does not change the first ones.
pub(super) fn ef(params: &SearchParams<'_>) -> usize {
    params.ef.unwrap_or(DEFAULT_EF).max(params.k.saturating_mul(2))
}

pub(crate) fn plan(shape: &Shape, params: &SearchParams<'_>) -> Plan {
    let (method, reason) = choose(shape, params);
    let sealed = shape.sealed.as_ref().map_or(0, Sealed::live) as u64;
    let unsealed = shape.counters.items.saturating_sub(sealed);
    Plan {
        method,
        reason,
        sealed,
        unsealed,
        problem: shape.problem.clone(),
    }
}

fn choose(shape: &Shape, params: &SearchParams<'_>) -> (Method, PlanReason) {
    let Some(sealed) = &shape.sealed else {
        let unusable = shape.problem.is_some();
        return (
            Method::Exact,
            if unusable {
                PlanReason::SegmentUnusable
            } else {
                PlanReason::NothingSealed
            },
        );
    };
    if params.mode == Mode::Exact {
        return (Method::Exact, PlanReason::Asked);
    }
    if !sealed.record.graph {
        return (Method::Exact, PlanReason::NoGraph);
    }
    let live = sealed.live();
    let narrow = params.filter.is_some_and(|filter| {
        filter.len() < FILTER_MIN_ITEMS || filter.len().saturating_mul(FILTER_MIN_SHARE) < live as u64
    });
    if narrow {
        (Method::Exact, PlanReason::NarrowFilter)
    } else if params.mode == Mode::Graph {
        (Method::Graph, PlanReason::Asked)
    } else if live < GRAPH_MIN_ROWS {
        (Method::Exact, PlanReason::FewVectors)
    } else if ef(params).saturating_mul(ROWS_A_CANDIDATE) > live {
        (Method::Exact, PlanReason::ManyResults)
    } else {
        (Method::Graph, PlanReason::ManyVectors)
    }
}
