//! The neighbour lists of level 0 while they grow.

use rayon::prelude::*;

use crate::error::Result;
use crate::segment::format::NONE;

/// Places in a line of the cache.
const LINE: usize = 16;
/// Rows whose lists one task changes.
const CHUNK: usize = 512;

/// One list a row, each with the same number of places, unused ones last.
pub(super) struct Lists {
    stride: usize,
    places: Vec<u32>,
}

/// An edge that is to be added, in the order in which [`Lists::update`] needs edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Lists {
    /// Empty lists of `stride` places for `rows` rows.
    pub(super) fn new(rows: usize, stride: usize) -> Self {
        Self {
            stride,
            places: vec![NONE; rows * stride],
        }
    }

    pub(super) fn rows(&self) -> u32 {
        (self.places.len() / self.stride) as u32
    }

    /// The neighbours of a row.
    pub(super) fn of(&self, row: u32) -> &[u32] {
        used(self.places_of(row))
    }

    /// The places of a row's neighbours, unused ones included.
    pub(super) fn places_of(&self, row: u32) -> &[u32] {
        let start = row as usize * self.stride;
        self.places.get(start..start + self.stride).unwrap_or_default()
    }

    /// Replaces a row's neighbours; those past the last place are dropped.
    pub(super) fn set(&mut self, row: u32, neighbours: &[u32]) {
        let start = row as usize * self.stride;
        if let Some(places) = self.places.get_mut(start..start + self.stride) {
            fill(places, neighbours);
        }
    }

    /// Adds a neighbour at a list's end; false when it is there already, or no place is left.
    pub(super) fn push(&mut self, row: u32, neighbour: u32) -> bool {
        let start = row as usize * self.stride;
        let places = self.places.get_mut(start..start + self.stride).unwrap_or_default();
        match places.iter().position(|place| *place == NONE || *place == neighbour) {
            Some(at) if places[at] == NONE => {
                places[at] = neighbour;
                true
            }
            _ => false,
        }
    }

    /// Adds edges, which are sorted and name each pair once. A list that has more than `most` neighbours then becomes
    /// what `choose` makes of the row and all of them.
    pub(super) fn update(&mut self, edges: &[Edge], most: usize, choose: impl Fn(u32, &[u32]) -> Vec<u32> + Sync) {
        let stride = self.stride;
        self.places
            .par_chunks_mut(CHUNK * stride)
            .enumerate()
            .for_each(|(chunk, lists)| {
                let first = chunk * CHUNK;
                let start = edges.partition_point(|edge| (edge.from as usize) < first);
                let end = edges.partition_point(|edge| (edge.from as usize) < first + CHUNK);
                let edges = edges.get(start..end).unwrap_or_default();
                let mut merged = Vec::new();
                for added in edges.chunk_by(|a, b| a.from == b.from) {
                    let Some(row) = added.first().map(|edge| edge.from) else {
                        continue;
                    };
                    let at = (row as usize - first) * stride;
                    let Some(places) = lists.get_mut(at..at + stride) else {
                        continue;
                    };
                    merged.clear();
                    merged.extend_from_slice(used(places));
                    let old = merged.len();
                    for edge in added {
                        if !merged.get(..old).unwrap_or_default().contains(&edge.to) {
                            merged.push(edge.to);
                        }
                    }
                    if merged.len() > most {
                        merged = choose(row, &merged);
                    }
                    fill(places, &merged);
                }
            });
    }

    /// Replaces lists by what `choose` makes of them; none leaves a list as it is.
    ///
    /// # Errors
    /// The first error of `choose`; some lists are replaced then, and others not.
    pub(super) fn rewrite(&mut self, choose: impl Fn(u32, &[u32]) -> Result<Option<Vec<u32>>> + Sync) -> Result<()> {
        let lists = self.places.par_chunks_mut(self.stride).enumerate();
        lists.try_for_each(|(row, places)| {
            if let Some(chosen) = choose(row as u32, used(places))? {
                fill(places, &chosen);
            }
            Ok(())
        })
    }

    /// The lists with as many places as the longest needs, in whole lines of the cache: stride and neighbours.
    pub(super) fn into_level(self) -> (usize, Vec<u32>) {
        let lists = self.places.chunks_exact(self.stride);
        let longest = lists.clone().map(|list| used(list).len()).max().unwrap_or_default();
        let stride = longest.next_multiple_of(LINE).max(LINE).min(self.stride);
        if stride == self.stride {
            return (stride, self.places);
        }
        (stride, lists.flat_map(|list| &list[..stride]).copied().collect())
    }

    /// Edges that lead to each row.
    pub(super) fn incoming(&self) -> Vec<u32> {
        let mut counts = vec![0; self.rows() as usize];
        for row in self.places.iter().filter(|row| **row != NONE) {
            if let Some(count) = counts.get_mut(*row as usize) {
                *count += 1;
            }
        }
        counts
    }
}

pub(super) fn used(places: &[u32]) -> &[u32] {
    let length = places.iter().position(|place| *place == NONE).unwrap_or(places.len());
    places.get(..length).unwrap_or_default()
}

fn fill(places: &mut [u32], neighbours: &[u32]) {
    let neighbours = neighbours.iter().copied().chain(std::iter::repeat(NONE));
    for (place, neighbour) in places.iter_mut().zip(neighbours) {
        *place = neighbour;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: u32, to: u32) -> Edge {
        Edge { from, to }
    }

    #[test]
    fn neighbours_are_added_once_while_there_are_places() {
        let mut lists = Lists::new(2, 2);
        let pushed = [7, 7, 8, 9].map(|neighbour| lists.push(1, neighbour));
        assert_eq!(pushed, [true, false, true, false]);
        assert_eq!((lists.of(0), lists.of(1)), ([].as_slice(), [7, 8].as_slice()));
        assert!(!lists.push(2, 7), "a row that is not there");
        lists.set(1, &[5]);
        assert_eq!(lists.of(1), [5]);
    }

    #[test]
    fn lists_that_overflow_are_chosen_anew() {
        let rows = 2 * CHUNK as u32;
        let mut lists = Lists::new(rows as usize, 4);
        let (few, full, other) = (0, rows - 1, CHUNK as u32);
        lists.set(few, &[1]);
        lists.set(full, &[1, 2]);
        let mut edges = vec![edge(few, 1), edge(few, 2), edge(other, 4)];
        edges.extend([edge(full, 3), edge(full, 4), edge(rows, 5)]);
        lists.update(&edges, 3, |row, neighbours| {
            assert_eq!((row, neighbours), (full, [1, 2, 3, 4].as_slice()));
            vec![4, 3]
        });
        assert_eq!(lists.of(few), [1, 2]);
        assert_eq!(lists.of(full), [4, 3]);
        assert_eq!(lists.of(other), [4]);
        let incoming = lists.incoming();
        assert_eq!(incoming.iter().sum::<u32>(), 5);
        assert_eq!(incoming[..5], [0, 1, 1, 1, 2]);
    }

    #[test]
    fn a_level_has_the_places_that_its_longest_list_needs() {
        for (longest, wanted) in [(0, 16), (16, 16), (17, 32), (33, 40)] {
            let mut lists = Lists::new(3, 40);
            let neighbours: Vec<u32> = (0..longest).collect();
            lists.set(2, &neighbours);
            let (stride, level) = lists.into_level();
            assert_eq!((stride, level.len()), (wanted, 3 * wanted));
            assert_eq!(used(&level[2 * stride..]), neighbours);
        }
    }
}
