//! What a search needs of a space, loaded once a revision.

use std::path::Path;

use half::f16;

use crate::error::{IndexError, Result};
use crate::matrix::{self, Matrix};
use crate::segment::{self, Segment};
use crate::store::codec::{Counters, Record, SegmentRecord, SpaceRecord, decode_tombstones};
use crate::store::{Cf, Store, keys};
use crate::types::{ItemId, Space, SpaceId};

/// A space and its segments, without the vectors that are not sealed.
pub(crate) struct Shape {
    pub(crate) space: Space,
    pub(crate) counters: Counters,
    /// Segments that can be used, oldest first. No item holds in two of them.
    pub(crate) sealed: Vec<Sealed>,
    /// Segments that the database names and that are not used.
    pub(crate) broken: Vec<Broken>,
}

/// A segment and which of its rows no longer hold.
pub(crate) struct Sealed {
    pub(crate) record: SegmentRecord,
    pub(crate) segment: Segment,
    pub(crate) dead: RowSet,
}

/// A segment that cannot be used.
pub(crate) struct Broken {
    pub(crate) record: SegmentRecord,
    /// Why, for people.
    pub(crate) problem: String,
}

/// A space as a search sees it.
pub(crate) struct SpaceView {
    pub(crate) shape: Shape,
    /// Vectors that are in no usable segment.
    pub(crate) fresh: Matrix,
}

impl Shape {
    pub(crate) fn load(store: &Store, library: &Path, id: SpaceId) -> Result<Self> {
        let record: SpaceRecord = store
            .record(Cf::Spaces, &keys::space(id))?
            .ok_or(IndexError::NoSuchSpace { id })?;
        let space = record.into_space(id)?;
        let counters: Counters = store
            .record(Cf::Meta, &keys::counters(id))?
            .ok_or_else(|| IndexError::corrupt("counters", format_args!("space `{}` has none", space.name)))?;
        let mut shape = Self {
            space,
            counters,
            sealed: Vec::new(),
            broken: Vec::new(),
        };
        let mut scan = store.scan(Cf::Segments, &keys::segment(id, ""));
        while let Some((key, value)) = scan.advance()? {
            let tombstones = keys::tombstones_of(key).unwrap_or_default();
            let record = SegmentRecord::decode(value)?;
            match Sealed::load(store, library, shape.space.dim, record, &tombstones)? {
                Ok(sealed) => shape.sealed.push(sealed),
                Err(broken) => shape.broken.push(broken),
            }
        }
        shape.distrust_what_does_not_add_up();
        Ok(shape)
    }

    /// Every live item is unsealed or in one segment; where the numbers say otherwise, no segment can be believed.
    fn distrust_what_does_not_add_up(&mut self) {
        let live: u64 = self.sealed.iter().map(|sealed| sealed.live() as u64).sum();
        let (unsealed, items) = (self.counters.unsealed, self.counters.items);
        let adds_up = match self.broken.as_slice() {
            [] => live + unsealed == items,
            _ => live + unsealed <= items,
        };
        if self.sealed.is_empty() || adds_up {
            return;
        }
        for Sealed { record, .. } in self.sealed.drain(..) {
            let problem = format!(
                "segment {}: {live} live vectors in segments and {unsealed} unsealed do not make {items}",
                record.name
            );
            self.broken.push(Broken { record, problem });
        }
    }

    /// Why the segments that are not used are not.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &str> {
        self.broken.iter().map(|broken| broken.problem.as_str())
    }

    /// Records of all segments, used or not.
    pub(crate) fn records(&self) -> impl Iterator<Item = &SegmentRecord> {
        let broken = self.broken.iter().map(|broken| &broken.record);
        self.sealed.iter().map(|sealed| &sealed.record).chain(broken)
    }

    /// Whether a usable segment has the item's present vector.
    pub(crate) fn holds(&self, id: ItemId) -> bool {
        self.sealed.iter().any(|sealed| sealed.row(id).is_some())
    }
}

impl Sealed {
    /// The inner error says why the segment cannot be used.
    fn load(
        store: &Store,
        library: &Path,
        dim: usize,
        record: SegmentRecord,
        tombstones: &[u8],
    ) -> Result<Result<Self, Broken>> {
        let directory = segment::directory(library);
        let segment = match Segment::open(&directory, &record, dim) {
            Ok(segment) => segment,
            Err(problem) => {
                let problem = format!("segment {}: {problem}", record.name);
                return Ok(Err(Broken { record, problem }));
            }
        };
        let mut dead = RowSet::new(segment.ids().len());
        if let Some(bytes) = store.get(Cf::Segments, tombstones)? {
            for id in decode_tombstones(&bytes)? {
                if let Ok(row) = segment.ids().binary_search(&id) {
                    dead.insert(row);
                }
            }
        }
        Ok(Ok(Self { record, segment, dead }))
    }

    /// Vectors that still hold.
    pub(crate) fn live(&self) -> usize {
        self.segment.ids().len() - self.dead.len()
    }

    /// The row of an item whose sealed vector still holds.
    pub(crate) fn row(&self, id: ItemId) -> Option<usize> {
        self.segment
            .ids()
            .binary_search(&id)
            .ok()
            .filter(|row| !self.dead.contains(*row))
    }

    /// The rows that still hold, with their ids, in id order.
    pub(crate) fn live_rows(&self) -> impl Iterator<Item = (usize, ItemId)> {
        let rows = self.segment.ids().iter().copied().enumerate();
        rows.filter(|(row, _)| !self.dead.contains(*row))
    }

    /// The vector in a row, as the file has it.
    pub(crate) fn vector(&self, row: usize, dim: usize) -> &[f16] {
        matrix::row(self.segment.vectors(), dim, row)
    }
}

impl SpaceView {
    pub(crate) fn load(store: &Store, library: &Path, id: SpaceId) -> Result<Self> {
        let shape = Shape::load(store, library, id)?;
        let dim = shape.space.dim;
        let fresh = if shape.broken.is_empty() {
            Matrix::load_unsealed(store, id, dim)?
        } else {
            let held: u64 = shape.sealed.iter().map(|sealed| sealed.live() as u64).sum();
            let expected = shape.counters.items.saturating_sub(held);
            Matrix::load_where(store, id, dim, expected, |id| !shape.holds(id))?
        };
        Ok(Self { shape, fresh })
    }

    /// Every live vector with its id, in id order.
    pub(crate) fn rows(&self) -> Vec<(ItemId, &[f16])> {
        let dim = self.shape.space.dim;
        let mut rows: Vec<(ItemId, &[f16])> = Vec::new();
        for sealed in &self.shape.sealed {
            rows.extend(sealed.live_rows().map(|(row, id)| (id, sealed.vector(row, dim))));
        }
        rows.extend(self.fresh.ids.iter().copied().zip(self.fresh.vectors.chunks_exact(dim)));
        // A few ascending runs, which the stable sort merges.
        rows.sort_by_key(|(id, _)| *id);
        rows
    }
}

/// A set of rows, one bit a row.
pub(crate) struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// An empty set of rows below `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            words: vec![0; rows.div_ceil(64)],
            len: 0,
        }
    }

    /// Adds a row; rows past the bound are ignored.
    pub(crate) fn insert(&mut self, row: usize) {
        if let Some(word) = self.words.get_mut(row / 64) {
            let bit = 1 << (row % 64);
            self.len += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_sets_count_each_row_once() {
        let mut rows = RowSet::new(70);
        for row in [3, 69, 3, 500] {
            rows.insert(row);
        }
        assert_eq!(rows.len(), 2);
        assert!(rows.contains(3) && rows.contains(69));
        assert!(!rows.contains(4) && !rows.contains(500));
    }
}
