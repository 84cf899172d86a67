//! Exact scores of candidates.

use std::cell::RefCell;

use half::f16;

use super::top::{Scored, Top};
use crate::kernel::dot_f16_f32;
use crate::types::ItemId;
use crate::view::Sealed;

/// Candidates whose vectors are asked for before they are needed.
const AHEAD: usize = 6;

thread_local! {
    /// A vector, where it has to be read.
    static VECTOR: RefCell<Vec<f16>> = RefCell::default();
}

/// The `k` best of sealed rows by the vectors themselves. `candidates` are rows, each with a score that its own does
/// not exceed, in falling order or nearly so: the first that cannot be among the best ends the work.
pub(super) fn rerank(
    sealed: &Sealed,
    query: &[f32],
    k: usize,
    candidates: impl Iterator<Item = Scored<u32>> + Clone,
) -> Top<ItemId> {
    let (segment, ids) = (&sealed.segment, sealed.segment.ids());
    let mut top = Top::new(k);
    let mut ahead = candidates.clone();
    for next in ahead.by_ref().take(AHEAD) {
        segment.prefetch_vector(next.id as usize);
    }
    VECTOR.with_borrow_mut(|buffer| {
        for candidate in candidates {
            if top.is_full()
                && top
                    .worst()
                    .is_none_or(|worst: &Scored<ItemId>| candidate.score < worst.score)
            {
                break;
            }
            if let Some(next) = ahead.next() {
                segment.prefetch_vector(next.id as usize);
            }
            if let Some(id) = ids.get(candidate.id as usize) {
                let score = dot_f16_f32(segment.vector(candidate.id as usize, buffer), query);
                top.push(Scored { score, id: *id });
            }
        }
    });
    top
}
