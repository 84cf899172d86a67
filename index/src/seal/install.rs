//! Making a new segment current: one commit, after which it serves in the place of those that it replaces.

use roaring::RoaringTreemap;

use super::make::{Made, Outcome};
use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::store::codec::{Counters, encode_tombstones};
use crate::store::{Cf, Changes, keys};
use crate::types::SpaceId;
use crate::view::Shape;

/// What a finished task replaces, and what happened while it was at work.
pub(super) struct Install<'a> {
    pub(super) space: SpaceId,
    /// File names of the segments that go.
    pub(super) merged: &'a [String],
    /// Unsealed items that the task took in.
    pub(super) tail: &'a RoaringTreemap,
    /// Items that were written or deleted since the task was decided on: whatever the new segment has of them does not
    /// hold any more, and those of the tail that are still there stay unsealed.
    pub(super) touched: &'a RoaringTreemap,
}

impl Install<'_> {
    /// Commits. Files that no record names any more are left to be removed.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] where the segments would not add up to the items that the database counts; nothing is
    /// changed then.
    pub(super) fn commit(&self, index: &Index, outcome: &Outcome) -> Result<()> {
        let shape = index.shape(self.space)?;
        let mut counters = shape.counters.clone();
        let mut changes = Changes::default();
        for name in self.merged {
            changes.delete(Cf::Segments, keys::segment(self.space, name));
            changes.delete(Cf::Segments, keys::tombstones(self.space, name));
        }
        let sealed = self.tail - self.touched;
        if sealed.len() == counters.unsealed {
            changes.clear(Cf::Unsealed, &keys::space(self.space));
        } else {
            for id in &sealed {
                changes.delete(Cf::Unsealed, keys::item(self.space, id));
            }
        }
        counters.unsealed = counters.unsealed.saturating_sub(sealed.len());
        counters.revision += 1;
        let mut live = 0;
        if let Outcome::Made(made) = outcome {
            let dead = dead(made, self.touched);
            live = made.record.items - dead.len();
            changes.put_record(Cf::Segments, keys::segment(self.space, &made.record.name), &made.record)?;
            if !dead.is_empty() {
                let key = keys::tombstones(self.space, &made.record.name);
                changes.put(Cf::Segments, key, encode_tombstones(&dead)?);
            }
        }
        self.check_sum(&shape, &counters, live)?;
        changes.put_record(Cf::Meta, keys::counters(self.space), &counters)?;
        index.write(&changes, [self.space])
    }

    /// The segments that stay, the new one and what is unsealed are to make all items.
    fn check_sum(&self, shape: &Shape, counters: &Counters, live: u64) -> Result<()> {
        let stays = |name: &String| !self.merged.contains(name);
        if shape.broken.iter().any(|broken| stays(&broken.record.name)) {
            return Ok(());
        }
        let staying = shape.sealed.iter().filter(|sealed| stays(&sealed.record.name));
        let staying: u64 = staying.map(|sealed| sealed.live() as u64).sum();
        if staying + live + counters.unsealed == counters.items {
            return Ok(());
        }
        let detail = format_args!(
            "{staying} vectors in other segments, {live} in the new one and {} unsealed do not make {}",
            counters.unsealed, counters.items
        );
        Err(IndexError::corrupt("space", detail))
    }
}

/// The items of the new segment that were written or deleted meanwhile.
fn dead(made: &Made, touched: &RoaringTreemap) -> RoaringTreemap {
    touched.iter().filter(|id| made.ids.binary_search(id).is_ok()).collect()
}
