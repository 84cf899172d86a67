//! Choosing between the exact scan and the graph, segment by segment.

use std::fmt;

use super::exact::{admitted, scan_costs};
use super::{Mode, SearchParams, recall};
use crate::view::{Sealed, Shape};

// Measured with `index_threshold` over `clip_like_vectors` of 512 dimensions, on one core of Zen 3 with AVX2 (2026-11-25):
//
// | vectors | scan | walk with the candidates that 0.99 takes: images, texts |
// | ---: | ---: | ---: |
// | 1,000 | 21 to 28 µs | 25, 34 µs (64) |
// | 2,000 | 50 µs | 39, 40 µs (64) |
// | 4,000 | 70 µs | 37, 39 µs (64) |
// | 8,000 | 140 µs | 47, 56 µs (64) |
// | 16,000 | 250 µs | 67, 78 µs (96) |

/// Below this many sealed vectors a scan takes a tenth of a millisecond longer than the graph at most, loses nothing,
/// and needs no graph to be made.
pub(crate) const GRAPH_MIN_ROWS: usize = 8_000;
/// Vectors that are scanned in the time that the graph search takes for one candidate: 50 while all vectors fit into the
/// cache, and half as many once they come from memory, which is where it matters.
const ROWS_A_CANDIDATE: u64 = 25;
/// Below this many admitted vectors a scan is as quick as the graph search would be without a filter.
const FILTER_MIN_ITEMS: u64 = 2_000;
/// Candidates kept by the graph search where nothing was measured of the graph.
const DEFAULT_EF: usize = 128;
/// So many are kept in any case, so that asking for a few more results does not change the first ones.
const LEAST_EF: usize = 64;
/// Candidates for each result, at least: what was measured was measured for ten results.
const EF_A_RESULT: usize = 3;
/// The recall that is aimed at where the caller names none.
const DEFAULT_RECALL: f32 = 0.99;

/// How sealed vectors are searched.
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
    /// No segment can be used; see [`Plan::problems`].
    SegmentUnusable,
    /// The segment has no graph.
    NoGraph,
    /// So few vectors that a scan is as quick.
    FewVectors,
    /// So many results or so great a recall are asked for that a scan is as quick.
    LongWalk,
    /// The filter admits so few vectors that a scan is quicker.
    NarrowFilter,
    /// The graph does not reach the recall that was asked for.
    LowRecall,
    /// So many vectors that the graph is quicker.
    ManyVectors,
}

/// What a search of a space will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How the largest segment is searched. Smaller ones may be scanned where it is walked.
    pub method: Method,
    /// Why.
    pub reason: PlanReason,
    /// Candidates that the walk of the largest segment keeps, where it is walked.
    pub ef: Option<usize>,
    /// Segments that are searched.
    pub segments: usize,
    /// Sealed vectors that still hold.
    pub sealed: u64,
    /// Vectors that are scanned in any case, for they are in no usable segment.
    pub unsealed: u64,
    /// What is wrong with the segments that cannot be used.
    pub problems: Vec<String>,
}

/// How one segment is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentPlan {
    pub(super) method: Method,
    pub(super) reason: PlanReason,
    /// Candidates of a walk.
    pub(super) ef: usize,
}

impl fmt::Display for PlanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked for",
            Self::NothingSealed => "nothing is sealed yet",
            Self::SegmentUnusable => "the segment cannot be used",
            Self::NoGraph => "the segment has no graph",
            Self::FewVectors => "few vectors: a scan is as quick and loses nothing",
            Self::LongWalk => "a walk would take as long",
            Self::NarrowFilter => "the filter admits few vectors",
            Self::LowRecall => "the graph does not reach the recall that is asked for",
            Self::ManyVectors => "many vectors",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.method, self.ef) {
            (Method::Graph, Some(ef)) => write!(f, "graph, {ef} candidates")?,
            (Method::Graph, None) => f.write_str("graph")?,
            (Method::Exact, _) => f.write_str("exact scan")?,
        }
        write!(f, " ({}); {} sealed", self.reason, self.sealed)?;
        if self.segments > 1 {
            write!(f, " in {} segments", self.segments)?;
        }
        write!(f, ", {} unsealed", self.unsealed)
    }
}

pub(crate) fn plan(shape: &Shape, params: &SearchParams<'_>) -> Plan {
    let largest = shape.sealed.iter().max_by_key(|sealed| sealed.live());
    let (method, reason, ef) = match largest {
        Some(sealed) => {
            let SegmentPlan { method, reason, ef } = choose(sealed, params);
            (method, reason, (method == Method::Graph).then_some(ef))
        }
        None if shape.broken.is_empty() => (Method::Exact, PlanReason::NothingSealed, None),
        None => (Method::Exact, PlanReason::SegmentUnusable, None),
    };
    let sealed = shape.sealed.iter().map(|sealed| sealed.live() as u64).sum();
    Plan {
        method,
        reason,
        ef,
        segments: shape.sealed.len(),
        sealed,
        unsealed: shape.counters.items.saturating_sub(sealed),
        problems: shape.problems().map(str::to_owned).collect(),
    }
}

/// How a segment is searched, and why.
pub(super) fn choose(sealed: &Sealed, params: &SearchParams<'_>) -> SegmentPlan {
    let ef = ef(sealed, params);
    let (method, reason) = match (params.mode, ef) {
        (Mode::Exact, _) => (Method::Exact, PlanReason::Asked),
        _ if !sealed.record.graph => (Method::Exact, PlanReason::NoGraph),
        (_, None) => (Method::Exact, PlanReason::LowRecall),
        (mode, Some(ef)) => weigh(sealed, params, mode, ef),
    };
    SegmentPlan {
        method,
        reason,
        ef: ef.unwrap_or(DEFAULT_EF),
    }
}

fn weigh(sealed: &Sealed, params: &SearchParams<'_>, mode: Mode, ef: usize) -> (Method, PlanReason) {
    let live = sealed.live() as u64;
    let walk = (ef as u64).saturating_mul(ROWS_A_CANDIDATE);
    if let Some(filter) = params.filter {
        let admitted = admitted(sealed, filter);
        let scan = scan_costs(sealed, admitted);
        // The walk meets one admitted row in `live / admitted`, and so is that many times longer.
        let scan_wins = u128::from(scan) * u128::from(admitted) < u128::from(walk) * u128::from(live);
        if admitted < FILTER_MIN_ITEMS || scan_wins {
            return (Method::Exact, PlanReason::NarrowFilter);
        }
    }
    if mode == Mode::Graph {
        (Method::Graph, PlanReason::Asked)
    } else if live < GRAPH_MIN_ROWS as u64 {
        (Method::Exact, PlanReason::FewVectors)
    } else if walk > live {
        (Method::Exact, PlanReason::LongWalk)
    } else {
        (Method::Graph, PlanReason::ManyVectors)
    }
}

/// Candidates that a walk keeps; none where the graph does not reach the recall that the caller asks for. It does not
/// depend on `k` while `k` is small, so that asking for more results does not change the first ones.
fn ef(sealed: &Sealed, params: &SearchParams<'_>) -> Option<usize> {
    let least = params.k.saturating_mul(EF_A_RESULT).max(LEAST_EF);
    if let Some(asked) = params.ef {
        return Some(asked.max(params.k));
    }
    let curve = &sealed.record.recall;
    let Some(last) = curve.last() else {
        return Some(DEFAULT_EF.max(least));
    };
    let reached = recall::ef_for(curve, params.target_recall.unwrap_or(DEFAULT_RECALL));
    let ef = match params.target_recall {
        Some(_) => reached?,
        None => reached.unwrap_or(last.ef as usize),
    };
    Some(ef.max(least))
}
