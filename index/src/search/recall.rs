//! What a graph finds of the true nearest, by the candidates that a walk keeps.

use std::collections::HashSet;

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::exact;
use super::walk::walk_graph;
use crate::error::{IndexError, Result};
use crate::store::codec::RecallPoint;
use crate::types::ItemId;
use crate::view::Sealed;

/// Nearest neighbours that are looked for.
const K: usize = 10;
/// Queries of each kind: recall is then known to about half a percent.
const QUERIES: usize = 200;
/// Queries whose truth is sought between two looks whether to give up.
const BETWEEN: usize = 64;
/// Candidates that are tried.
const LADDER: [u32; 14] = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048];
/// The unit of stored recall.
const WHOLE: f32 = 10_000.0;
/// The part of the recall that may be lost which is kept back, for what was measured is a sample.
const MARGIN: f32 = 0.1;

/// The least measured number of candidates with which a graph reaches `target`, whatever the kind of query.
pub(super) fn ef_for(curve: &[RecallPoint], target: f32) -> Option<usize> {
    let needed = target + MARGIN * (1.0 - target);
    let reached = curve.iter().find(|point| worst(point) >= needed - f32::EPSILON)?;
    Some(reached.ef as usize)
}

/// Recall of the kind of query that fares worse, 0 to 1.
fn worst(point: &RecallPoint) -> f32 {
    f32::from(point.training.map_or(point.own, |training| training.min(point.own))) / WHOLE
}

/// Measures a segment's graph with vectors of its own and with training queries (rows of `dim` values), up to where it
/// finds everything. Empty without a graph.
///
/// # Errors
/// [`IndexError::Cancelled`].
pub(crate) fn measure(
    sealed: &Sealed,
    dim: usize,
    training: &[f32],
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<RecallPoint>> {
    if !sealed.record.graph || sealed.live() <= K {
        return Ok(Vec::new());
    }
    let own = Sample::new(sealed, &own_queries(sealed, dim), cancelled)?;
    let training: Vec<_> = training.chunks_exact(dim).collect();
    let training: Vec<_> = every_nth(&training).map(|row| (None, row.to_vec())).collect();
    let training = Sample::new(sealed, &training, cancelled)?;
    let mut curve = Vec::new();
    for ef in LADDER {
        if cancelled() {
            return Err(IndexError::Cancelled);
        }
        let point = RecallPoint {
            ef,
            own: own.recall(sealed, ef).unwrap_or_default(),
            training: training.recall(sealed, ef),
        };
        curve.push(point);
        if worst(&point) >= 1.0 || ef as usize > sealed.live() {
            break;
        }
    }
    Ok(curve)
}

/// Queries with what an exact scan finds for them.
struct Sample {
    queries: Vec<Query>,
}

struct Query {
    vector: Vec<f32>,
    /// The item whose vector it is: it would find itself.
    own: Option<ItemId>,
    truth: HashSet<ItemId>,
}

impl Sample {
    fn new(
        sealed: &Sealed,
        queries: &[(Option<ItemId>, Vec<f32>)],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let mut sample = Vec::with_capacity(queries.len());
        for queries in queries.chunks(BETWEEN) {
            if cancelled() {
                return Err(IndexError::Cancelled);
            }
            let vectors: Vec<&[f32]> = queries.iter().map(|(_, vector)| vector.as_slice()).collect();
            let found = exact::scan_sealed_many(sealed, &vectors, K + 1, None);
            for ((own, vector), found) in queries.iter().zip(found) {
                let found = found.into_sorted().into_iter().map(|hit| hit.id);
                sample.push(Query {
                    vector: vector.clone(),
                    own: *own,
                    truth: found.filter(|id| Some(*id) != *own).take(K).collect(),
                });
            }
        }
        Ok(Self { queries: sample })
    }

    /// The share of the truth that walks with `ef` candidates find, in ten-thousandths; none without queries.
    fn recall(&self, sealed: &Sealed, ef: u32) -> Option<u16> {
        let found = |query: &Query| {
            let walked = walk_graph(sealed, &query.vector, K + 1, ef as usize, None);
            let hits = walked.map(super::top::Top::into_sorted).unwrap_or_default();
            let others = hits.iter().map(|hit| hit.id).filter(|id| Some(*id) != query.own);
            others.take(K).filter(|id| query.truth.contains(id)).count()
        };
        let found: usize = self.queries.par_iter().map(found).sum();
        let wanted: usize = self.queries.iter().map(|query| query.truth.len()).sum();
        (wanted > 0).then(|| (WHOLE * found as f32 / wanted as f32) as u16)
    }
}

/// Vectors of the segment, evenly spread over it.
fn own_queries(sealed: &Sealed, dim: usize) -> Vec<(Option<ItemId>, Vec<f32>)> {
    let rows: Vec<_> = sealed.live_rows().collect();
    let query = |(row, id): &(usize, ItemId)| (Some(*id), sealed.vector(*row, dim).to_f32_vec());
    every_nth(&rows).map(query).collect()
}

/// At most [`QUERIES`] of the rows, evenly spread.
fn every_nth<T>(rows: &[T]) -> impl Iterator<Item = &T> {
    rows.iter().step_by(rows.len().div_ceil(QUERIES).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(ef: u32, own: u16, training: Option<u16>) -> RecallPoint {
        RecallPoint { ef, own, training }
    }

    #[test]
    fn the_kind_of_query_that_fares_worse_decides_and_a_margin_is_kept() {
        let curve = [
            point(16, 9_000, Some(7_000)),
            point(64, 9_910, Some(9_500)),
            point(128, 9_950, Some(9_910)),
            point(256, 10_000, Some(9_950)),
        ];
        assert_eq!(ef_for(&curve, 0.5), Some(16));
        assert_eq!(ef_for(&curve, 0.9), Some(64));
        assert_eq!(ef_for(&curve, 0.95), Some(128), "0.95 itself is too near");
        assert_eq!(ef_for(&curve, 0.99), Some(128));
        assert_eq!(ef_for(&curve, 0.999), None);
        assert_eq!(ef_for(&[], 0.5), None);
        let own_only = [point(16, 10_000, None)];
        assert_eq!(ef_for(&own_only, 1.0), Some(16));
    }
}
