//! Which pictures belong together.

use rayon::prelude::*;

use crate::library::LibraryError;
use crate::perceptual::PerceptualHash;

/// Near copies differ in at most so many of 64 bits of their perceptual hashes.
const MOST_BITS: u32 = 14;

/// The least cosine of the embeddings of near copies: the more their hashes differ, the more it takes, from 0.3 at 6
/// bits to 0.9 at 14.
///
/// Measured with `starter` on 345 photographs of 10 to 452 kilopixels, half of them of less than 77 (2026-11-25): found
/// are 97% of copies of half the width and height, which the model sees enlarged again, all that were compressed again as
/// JPEG of quality 40, and 100, 99 and 97% of those that lost 2, 4 and 8% of their width and height. Of the 59,340 pairs
/// of different photographs none is taken for copies; by the hash alone 2 would be, by a cosine of 0.9 alone 36.
fn least_cosine(distance: u32) -> f32 {
    0.3 + 0.075 * distance.saturating_sub(6) as f32
}

/// Comparisons that are worth another thread.
const A_TASK: usize = 1 << 15;

/// A picture of a group, compared with the first of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Its number.
    pub photo: usize,
    pub similarity: f32,
    pub distance: u32,
}

impl Look {
    /// The first picture of a group.
    pub fn same(photo: usize) -> Self {
        Self {
            photo,
            similarity: 1.0,
            distance: 0,
        }
    }
}

/// Puts pictures, given best first by their hashes, into groups: each of those that are in no group yet begins one, and
/// takes in what is a near copy of it among those that come after. So every picture of a group looks like its first,
/// however many there are, and nothing is kept of the pairs that were compared.
///
/// Within a group the nearest come first. `vector` gives a picture's embedding.
pub(super) fn cluster(
    hashes: &[Option<PerceptualHash>],
    vector: impl Fn(usize) -> Result<Option<Vec<f32>>, LibraryError>,
) -> Result<Vec<Vec<Look>>, LibraryError> {
    // Hashes of those that are in no group yet, apart from the rest, for there are many comparisons.
    let mut free: Vec<(PerceptualHash, usize)> = Vec::with_capacity(hashes.len());
    let mut groups = Vec::new();
    for (photo, hash) in hashes.iter().enumerate() {
        match hash {
            Some(hash) => free.push((*hash, photo)),
            None => groups.push(vec![Look::same(photo)]),
        }
    }
    let mut taken = vec![false; hashes.len()];
    let mut first = 0;
    while let Some((hash, photo)) = free.get(first).copied() {
        first += 1;
        if taken[photo] {
            continue;
        }
        let mut group = vec![Look::same(photo)];
        let close = close_to(hash, free.get(first..).unwrap_or_default(), &taken);
        if let Some(own) = if close.is_empty() { None } else { vector(photo)? } {
            for (distance, other) in close {
                let Some(of_other) = vector(other)? else { continue };
                let similarity = own
                    .iter()
                    .zip(&of_other)
                    .map(|(a, b)| a * b)
                    .sum::<f32>()
                    .clamp(-1.0, 1.0);
                if similarity >= least_cosine(distance) {
                    taken[other] = true;
                    group.push(Look {
                        photo: other,
                        similarity,
                        distance,
                    });
                }
            }
        }
        group[1..].sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.photo.cmp(&b.photo)));
        groups.push(group);
    }
    Ok(groups)
}

/// Distance and number of the pictures that are free and whose hashes are close to `hash`.
fn close_to(hash: PerceptualHash, others: &[(PerceptualHash, usize)], taken: &[bool]) -> Vec<(u32, usize)> {
    let close = |(other, photo): &(PerceptualHash, usize)| {
        let distance = hash.distance(*other);
        (distance <= MOST_BITS && !taken[*photo]).then_some((distance, *photo))
    };
    if others.len() < A_TASK {
        return others.iter().filter_map(close).collect();
    }
    others.par_iter().with_min_len(A_TASK).filter_map(close).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bits: u64) -> Option<PerceptualHash> {
        Some(PerceptualHash(bits))
    }

    fn members(groups: &[Vec<Look>]) -> Vec<Vec<usize>> {
        let photos = |group: &Vec<Look>| group.iter().map(|look| look.photo).collect();
        groups.iter().map(photos).collect()
    }

    #[test]
    fn both_must_say_so() {
        let hashes = [hash(0), hash(1), hash(3), hash(u64::MAX), None, hash(7)];
        let vectors = [
            [1.0, 0.0],
            [0.95, 0.31],
            [0.0, 1.0],
            [1.0, 0.0],
            [1.0, 0.0],
            [0.99, 0.14],
        ];
        let groups = cluster(&hashes, |photo| Ok(Some(vectors[photo].to_vec()))).unwrap();
        let mut groups = members(&groups);
        groups.sort();
        assert_eq!(groups, [vec![0, 5, 1], vec![2], vec![3], vec![4]]);
    }

    #[test]
    fn a_chain_of_likes_does_not_tie_together_what_is_unlike() {
        // Each differs from the next in few bits, and the last from the first in all.
        let hashes: Vec<_> = (0..=64)
            .step_by(8)
            .map(|ones| hash(u64::MAX.checked_shr(64 - ones).unwrap_or(0)))
            .collect();
        let groups = cluster(&hashes, |_| Ok(Some(vec![1.0]))).unwrap();
        assert_eq!(
            members(&groups),
            [vec![0, 1], vec![2, 3], vec![4, 5], vec![6, 7], vec![8]]
        );
    }

    #[test]
    fn many_of_one_kind_take_no_more_memory_than_there_are() {
        let hashes = vec![hash(5); 2 * A_TASK];
        let groups = cluster(&hashes, |_| Ok(Some(vec![1.0]))).unwrap();
        assert_eq!((groups.len(), groups[0].len()), (1, 2 * A_TASK));
    }
}
