//! Scanning every vector.

use half::f16;
use rayon::prelude::*;
use roaring::RoaringTreemap;

use super::top::{Scored, Top};
use crate::kernel::dot_f16_f32;
use crate::matrix::Matrix;
use crate::types::ItemId;
use crate::view::Sealed;

/// Rows that one task scans; fewer than this are not worth a second thread.
const CHUNK: usize = 4096;
/// A filter this many times smaller than the rows is looked up id by id.
const NARROW: u64 = 16;

/// Scans the sealed rows that still hold and that the filter admits.
pub(super) fn scan_sealed(sealed: &Sealed, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Top<ItemId> {
    let (ids, vectors) = (sealed.segment.ids(), sealed.segment.vectors());
    match filter {
        Some(filter) if filter.len().saturating_mul(NARROW) < ids.len() as u64 => {
            let rows: Vec<(usize, ItemId)> = filter.iter().filter_map(|id| Some((sealed.row(id)?, id))).collect();
            let score = |(row, id): &(usize, ItemId)| {
                let vector = vectors
                    .get(row * query.len()..(row + 1) * query.len())
                    .unwrap_or_default();
                Scored {
                    score: dot_f16_f32(vector, query),
                    id: *id,
                }
            };
            let scan = |rows: &[(usize, ItemId)]| collect(k, rows.iter().map(score));
            rows.par_chunks(CHUNK).map(scan).reduce(|| Top::new(k), Top::merge)
        }
        _ => scan(ids, vectors, query, k, |row, id| {
            !sealed.dead.contains(row) && admits(filter, id)
        }),
    }
}

/// Scans a matrix.
pub(super) fn scan_matrix(matrix: &Matrix, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Top<ItemId> {
    scan(&matrix.ids, &matrix.vectors, query, k, |_, id| admits(filter, id))
}

pub(super) fn admits(filter: Option<&RoaringTreemap>, id: ItemId) -> bool {
    filter.is_none_or(|filter| filter.contains(id))
}

fn scan(
    ids: &[ItemId],
    vectors: &[f16],
    query: &[f32],
    k: usize,
    admits: impl Fn(usize, ItemId) -> bool + Sync,
) -> Top<ItemId> {
    let dim = query.len();
    if dim == 0 {
        return Top::new(k);
    }
    let scan_chunk = |chunk: usize, ids: &[ItemId], vectors: &[f16]| {
        let rows = ids.iter().zip(vectors.chunks_exact(dim)).enumerate();
        let admitted = rows.filter(|(row, (id, _))| admits(chunk * CHUNK + row, **id));
        collect(
            k,
            admitted.map(|(_, (id, vector))| Scored {
                score: dot_f16_f32(vector, query),
                id: *id,
            }),
        )
    };
    if ids.len() <= CHUNK {
        return scan_chunk(0, ids, vectors);
    }
    ids.par_chunks(CHUNK)
        .zip(vectors.par_chunks(CHUNK * dim))
        .enumerate()
        .map(|(chunk, (ids, vectors))| scan_chunk(chunk, ids, vectors))
        .reduce(|| Top::new(k), Top::merge)
}

fn collect(k: usize, candidates: impl Iterator<Item = Scored<ItemId>>) -> Top<ItemId> {
    let mut top = Top::new(k);
    for candidate in candidates {
        top.push(candidate);
    }
    top
}
