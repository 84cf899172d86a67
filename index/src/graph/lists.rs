//! The neighbour lists of level 0 while they grow.

use rayon::prelude::*;

use crate::segment::format::NONE;

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

    /// Neighbours that a list has places for.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The neighbours of a row.
    pub(super) fn of(&self, row: u32) -> &[u32] {
        let start = row as usize * self.stride;
        used(self.places.get(start..start + self.stride).unwrap_or_default())
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

    /// Adds edges, which are sorted and name each pair once. A list without places for all of its new neighbours
    /// becomes what `choose` makes of the row and of old and new neighbours together.
    pub(super) fn update(&mut self, edges: &[Edge], choose: impl Fn(u32, &[u32]) -> Vec<u32> + Sync) {
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
                    if merged.len() > stride {
                        merged = choose(row, &merged);
                    }
                    fill(places, &merged);
                }
            });
    }

    /// Replaces each list by what `choose` makes of it.
    pub(super) fn rewrite(&mut self, choose: impl Fn(u32, &[u32]) -> Option<Vec<u32>> + Sync) {
        self.places
            .par_chunks_mut(self.stride)
            .enumerate()
            .for_each(|(row, places)| {
                if let Some(chosen) = choose(row as u32, used(places)) {
                    fill(places, &chosen);
                }
            });
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

fn used(places: &[u32]) -> &[u32] {
    let length = places.iter().position(|place| *place == NONE).unwrap_or(places.len());
    places.get(..length).unwrap_or_default()
}

fn fill(places: &mut [u32], neighbours: &[u32]) {
    let neighbours = neighbours.iter().copied().chain(std::iter::repeat(NONE));
    for (place, neighbour) in places.iter_mut().zip(neighbours) {
        *place = neighbour;
    }
}
