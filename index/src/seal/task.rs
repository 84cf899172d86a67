//! What is to become one segment.

use roaring::RoaringTreemap;

use super::SealOptions;
use super::policy::{Sizes, Work};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::store::{Cf, Store, keys};
use crate::types::{ItemId, Space, SpaceId};
use crate::view::{Sealed, Shape};

/// A segment to be made, as of the moment when it was decided on. It holds what it needs of that moment, so that batches
/// go on meanwhile.
pub(super) struct Task {
    pub(super) space: Space,
    /// File name of the new segment.
    pub(super) name: String,
    /// File names of the segments that it replaces.
    pub(super) merged: Vec<String>,
    /// Unsealed items that it takes in.
    pub(super) tail: RoaringTreemap,
    /// Spaces whose vectors are queries to train the graph with.
    pub(super) training: Vec<SpaceId>,
    pub(super) options: SealOptions,
    members: Members,
    /// Items from here on came later.
    next_item: ItemId,
    /// About so many vectors.
    expected: u64,
}

/// The sealed items of the new segment. Vectors are read from the database alone; which items a segment has is in its
/// file, which is believed once its checksum holds.
enum Members {
    /// Those that hold in these segments.
    Of(Vec<Sealed>),
    /// Every item but these, and but those that hold in these segments.
    AllBut(RoaringTreemap, Vec<Sealed>),
}

/// A segment whose file is not what was written.
pub(super) struct Damaged(pub(super) String);

impl Task {
    /// `work` names places in what [`sizes`] returned. Segments of which `damaged` says so are not believed.
    pub(super) fn new(
        store: &Store,
        shape: Shape,
        work: &Work,
        name: String,
        training: Vec<SpaceId>,
        options: SealOptions,
        damaged: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let unsealed = unsealed_items(store, shape.space.id)?;
        let merged: Vec<String> = work
            .segments
            .iter()
            .filter_map(|place| name_at(&shape, *place))
            .collect();
        let usable = |name: &String| {
            shape
                .sealed
                .iter()
                .any(|sealed| sealed.record.name == *name && !damaged(name))
        };
        let all_usable = merged.iter().all(usable);
        let all = merged.len() == shape.sealed.len() + shape.broken.len();
        let (mine, others): (Vec<_>, Vec<_>) = shape
            .sealed
            .into_iter()
            .partition(|sealed| merged.contains(&sealed.record.name));
        let (tail, left) = if work.tail {
            (unsealed, RoaringTreemap::new())
        } else {
            (RoaringTreemap::new(), unsealed)
        };
        let elsewhere = left.len() + others.iter().map(|sealed| sealed.live() as u64).sum::<u64>();
        let members = if all_usable && !all {
            Members::Of(mine)
        } else {
            Members::AllBut(left, others)
        };
        Ok(Self {
            space: shape.space,
            name,
            merged,
            tail,
            training,
            options,
            members,
            next_item: shape.counters.next_item,
            expected: shape.counters.items.saturating_sub(elsewhere),
        })
    }

    /// The vectors of the new segment. The inner error names a segment that cannot be believed.
    pub(super) fn load(&self, store: &Store) -> Result<Result<Matrix, Damaged>> {
        let (Members::Of(asked) | Members::AllBut(_, asked)) = &self.members;
        if let Some(bad) = asked
            .iter()
            .find(|sealed| !sealed.segment.checksum_holds(&sealed.record))
        {
            return Ok(Err(Damaged(bad.record.name.clone())));
        }
        let (space, dim) = (self.space.id, self.space.dim);
        let matrix = match &self.members {
            Members::Of(segments) => {
                let sealed = segments.iter().flat_map(Sealed::live_rows).map(|(_, id)| id);
                let mut ids: Vec<ItemId> = sealed.chain(&self.tail).collect();
                ids.sort_unstable();
                ids.dedup();
                Matrix::load_ids(store, space, dim, &ids)?
            }
            Members::AllBut(left, others) => {
                let elsewhere = |id| left.contains(id) || others.iter().any(|sealed| sealed.row(id).is_some());
                let wanted = |id| id < self.next_item && !elsewhere(id);
                Matrix::load_where(store, space, dim, self.expected, wanted)?
            }
        };
        Ok(Ok(matrix))
    }
}

/// What the policy sees: first the usable segments, then the others.
pub(super) fn sizes(shape: &Shape, damaged: impl Fn(&str) -> bool) -> Vec<Sizes> {
    let usable = shape.sealed.iter().map(|sealed| Sizes {
        live: sealed.live() as u64,
        dead: sealed.dead.len() as u64,
        usable: !damaged(&sealed.record.name),
    });
    let broken = shape.broken.iter().map(|broken| Sizes {
        live: broken.record.items,
        dead: 0,
        usable: false,
    });
    usable.chain(broken).collect()
}

fn name_at(shape: &Shape, place: usize) -> Option<String> {
    shape.records().nth(place).map(|record| record.name.clone())
}

fn unsealed_items(store: &Store, space: SpaceId) -> Result<RoaringTreemap> {
    let scan = store.scan(Cf::Unsealed, &keys::space(space));
    scan.map(|key, _| Ok(keys::parse_item(key)?.1)).collect()
}
