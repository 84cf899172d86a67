//! What a search needs of a space, loaded once a revision.

use std::path::Path;

use half::f16;

use crate::error::{IndexError, Result};
use crate::matrix::Matrix;
use crate::segment::{self, Segment};
use crate::store::codec::{Counters, SegmentRecord, SpaceRecord, decode_tombstones};
use crate::store::{Cf, Store, keys};
use crate::types::{ItemId, Space, SpaceId};

/// A space and its usable segment, without the vectors that are not sealed.
pub(crate) struct Shape {
    pub(crate) space: Space,
    pub(crate) counters: Counters,
    pub(crate) sealed: Option<Sealed>,
    /// Why the segment that the database names is not used.
    pub(crate) problem: Option<String>,
}

/// A segment and which of its rows no longer hold.
pub(crate) struct Sealed {
    pub(crate) record: SegmentRecord,
    pub(crate) segment: Segment,
    pub(crate) dead: RowSet,
}

/// A space as a search sees it.
pub(crate) struct SpaceView {
    pub(crate) shape: Shape,
    /// Vectors that are not in the segment; all vectors where no segment is usable.
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
        let (sealed, problem) = match store.record::<SegmentRecord>(Cf::Segments, &keys::segment(id))? {
            None => (None, None),
            Some(record) => match Sealed::load(store, library, &space, &counters, record)? {
                Ok(sealed) => (Some(sealed), None),
                Err(problem) => (None, Some(problem)),
            },
        };
        Ok(Self {
            space,
            counters,
            sealed,
            problem,
        })
    }
}

impl Sealed {
    /// The inner error says why the segment cannot be used.
    fn load(
        store: &Store,
        library: &Path,
        space: &Space,
        counters: &Counters,
        record: SegmentRecord,
    ) -> Result<Result<Self, String>> {
        let directory = segment::directory(library);
        let segment = match Segment::open(&directory, &record, space.dim) {
            Ok(segment) => segment,
            Err(problem) => return Ok(Err(format!("segment {}: {problem}", record.name))),
        };
        let mut dead = RowSet::new(segment.ids().len());
        if let Some(bytes) = store.get(Cf::Segments, &keys::tombstones(space.id))? {
            for id in decode_tombstones(&bytes)? {
                if let Ok(row) = segment.ids().binary_search(&id) {
                    dead.insert(row);
                }
            }
        }
        let live = record.items.saturating_sub(dead.len() as u64);
        if live + counters.unsealed != counters.items {
            let problem = format!(
                "segment {}: {live} live vectors and {} unsealed do not make {}",
                record.name, counters.unsealed, counters.items
            );
            return Ok(Err(problem));
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
}

impl SpaceView {
    pub(crate) fn load(store: &Store, library: &Path, id: SpaceId) -> Result<Self> {
        let shape = Shape::load(store, library, id)?;
        let dim = shape.space.dim;
        let fresh = if shape.sealed.is_some() {
            Matrix::load_unsealed(store, id, dim)?
        } else {
            Matrix::load(store, id, dim, &shape.counters)?
        };
        Ok(Self { shape, fresh })
    }

    /// Every live vector with its id, in id order.
    pub(crate) fn rows(&self) -> Vec<(ItemId, &[f16])> {
        let dim = self.shape.space.dim;
        let fresh = self.fresh.ids.iter().copied().zip(self.fresh.vectors.chunks_exact(dim));
        let Some(Sealed { segment, dead, .. }) = &self.shape.sealed else {
            return fresh.collect();
        };
        let sealed = segment.ids().iter().copied().zip(segment.vectors().chunks_exact(dim));
        let live = sealed
            .enumerate()
            .filter(|(row, _)| !dead.contains(*row))
            .map(|(_, row)| row);
        let mut rows: Vec<_> = live.chain(fresh).collect();
        // Two ascending runs, which the stable sort merges in one pass.
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
