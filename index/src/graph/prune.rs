//! The relative neighbourhood rule: which of the near rows become neighbours.

use super::beam::Candidate;
use super::scorer::Scorer;

/// Of `candidates`, nearest first, the up to `most` that are nearer to `row` than to any one already chosen
/// (Malkov and Yashunin, algorithm 4; Toussaint's relative neighbourhood graph). `slack` above 1 keeps more: a chosen
/// neighbour hides another only when it is nearer to that one by this factor (Subramanya et al., DiskANN, 2019).
pub(super) fn choose(
    scorer: &impl Scorer,
    row: u32,
    candidates: &[Candidate],
    most: usize,
    slack: f32,
) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(most);
    for candidate in candidates {
        if chosen.len() == most {
            break;
        }
        let distance = 1.0 - candidate.similarity;
        let hidden = |other: &u32| slack * (1.0 - scorer.similarity(candidate.row, *other)) < distance;
        if candidate.row != row && !chosen.contains(&candidate.row) && !chosen.iter().any(hidden) {
            chosen.push(candidate.row);
        }
    }
    chosen
}

/// Neighbours with their similarity to `row`, nearest first.
pub(super) fn ranked(scorer: &impl Scorer, row: u32, neighbours: &[u32]) -> Vec<Candidate> {
    for neighbour in neighbours {
        scorer.prefetch(*neighbour);
    }
    let score = |neighbour: &u32| Candidate {
        similarity: scorer.similarity(row, *neighbour),
        row: *neighbour,
    };
    let mut candidates: Vec<Candidate> = neighbours.iter().map(score).collect();
    candidates.sort_unstable_by(Candidate::nearer_first);
    candidates
}
