//! Exact scores of candidates.

use super::top::{Scored, Top};
use crate::kernel::{dot_f16_f32, prefetch};
use crate::matrix;
use crate::types::ItemId;
use crate::view::Sealed;

/// Candidates whose vectors are asked for before they are needed.
const AHEAD: usize = 6;

/// The `k` best of sealed rows by the vectors themselves. `candidates` are rows, each with a score that its own does
/// not exceed, in falling order or nearly so: the first that cannot be among the best ends the work.
pub(super) fn rerank(
    sealed: &Sealed,
    query: &[f32],
    k: usize,
    candidates: impl Iterator<Item = Scored<u32>> + Clone,
) -> Top<ItemId> {
    let (ids, vectors) = (sealed.segment.ids(), sealed.segment.vectors());
    let vector = |candidate: &Scored<u32>| matrix::row(vectors, query.len(), candidate.id as usize);
    let mut top = Top::new(k);
    let mut ahead = candidates.clone();
    for next in ahead.by_ref().take(AHEAD) {
        prefetch(vector(&next));
    }
    let mut looked_at = 0;
    for candidate in candidates {
        if top.is_full()
            && top
                .worst()
                .is_none_or(|worst: &Scored<ItemId>| candidate.score < worst.score)
        {
            break;
        }
        if let Some(next) = ahead.next() {
            prefetch(vector(&next));
        }
        if let Some(id) = ids.get(candidate.id as usize) {
            looked_at += 1;
            let score = dot_f16_f32(vector(&candidate), query);
            top.push(Scored { score, id: *id });
        }
    }
    sealed.segment.note_vectors(looked_at);
    top
}
