//! The values that callers exchange with the index.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kernel::dot_f32_f32;

/// Names an item within its space. Ids grow by insertion and are never used twice.
pub type ItemId = u64;

/// Names a space within a library; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceId(pub u32);

/// Names a root (a directory whose files are catalogued) within a library; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RootId(pub u32);

/// A named set of unit vectors that one encoder made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// The space's id.
    pub id: SpaceId,
    /// Unique within the library, not empty.
    pub name: String,
    /// Length of every vector, at least 1.
    pub dim: usize,
    /// Identity of the encoder; vectors of another are refused.
    pub fingerprint: [u8; 32],
    /// The caller's own data, opaque here.
    pub attributes: Vec<u8>,
}

/// What a vector stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The item's id, unique in its space.
    pub id: ItemId,
    /// The caller's name for the item, unique in its space.
    pub key: Vec<u8>,
    /// The caller's own data, opaque here.
    pub payload: Vec<u8>,
}

/// One catalogued file: what it looked like when it was read, and the item it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The item's space.
    pub space: SpaceId,
    /// The item that the file names.
    pub item: ItemId,
    /// Bytes.
    pub size: u64,
    /// Modification time, nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
    /// Hash of the content.
    pub hash: [u8; 32],
}

/// A file that could not be read, so that it is not tried again until it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// Why, for people.
    pub reason: String,
    /// Bytes at that time.
    pub size: u64,
    /// Modification time at that time, nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
    /// When it failed, seconds since the Unix epoch.
    pub failed_at_unix: i64,
    /// Whether the cause may pass while the file stays as it is, as a missing permission does.
    pub transient: bool,
}

/// A directory whose files are catalogued by paths relative to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The root's id.
    pub id: RootId,
    /// Where it is, in the caller's own encoding.
    pub location: Vec<u8>,
}

/// All vectors of a space in id order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorSet {
    /// Ascending; row `i` of `data` belongs to `ids[i]`.
    pub ids: Vec<ItemId>,
    /// Row-major, `ids.len() * dim` values; unit length up to f16 rounding.
    pub data: Vec<f32>,
    /// Length of a row.
    pub dim: usize,
}

impl VectorSet {
    /// The dot product of every row with `query`, in order; none where `query` is not `dim` long.
    pub fn dot(&self, query: &[f32]) -> Option<Vec<f32>> {
        if self.dim == 0 || query.len() != self.dim {
            return None;
        }
        Some(
            self.data
                .par_chunks_exact(self.dim)
                .map(|row| dot_f32_f32(row, query))
                .collect(),
        )
    }
}

/// One search result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The item.
    pub id: ItemId,
    /// Cosine similarity, -1 to 1 (f16 rounding may carry it past 1 by less than 1e-3).
    pub score: f32,
}

/// What a committed batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitSummary {
    /// Upserts, repeated ones counted each time.
    pub items_written: u64,
    /// Items deleted, by request or because no file names them any more.
    pub items_deleted: u64,
    /// File records put.
    pub files_written: u64,
    /// File records removed.
    pub files_removed: u64,
}
