//! Figures about a library.

use std::fs;
use std::path::Path;

use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::store::codec::RecallPoint;
use crate::types::Space;
use crate::view::Sealed;

/// Figures about a library.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Each space, by id.
    pub spaces: Vec<SpaceStats>,
    /// Bytes of all files of the library that this crate writes.
    pub disk_bytes: u64,
}

/// Figures about a space.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceStats {
    /// The space.
    pub space: Space,
    /// Live items.
    pub items: u64,
    /// Live items whose present vector is in no segment.
    pub unsealed: u64,
    /// The segments in use, oldest first.
    pub segments: Vec<SegmentStats>,
    /// Why segments that the database names are not in use.
    pub problems: Vec<String>,
}

/// Figures about a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentStats {
    /// File name within the library's `segments` directory.
    pub name: String,
    /// Vectors in the file.
    pub items: u64,
    /// Of those, how many are deleted or replaced since.
    pub dead: u64,
    /// Whether it has a graph.
    pub graph: bool,
    /// Bytes of the file.
    pub bytes: u64,
    /// Recall of the graph by the candidates that a walk keeps, as measured when the file was made.
    pub recall: Vec<RecallStats>,
}

/// The share of the ten true nearest that a graph finds, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecallStats {
    /// Candidates that a walk keeps.
    pub ef: usize,
    /// For vectors of the segment as queries.
    pub own: f32,
    /// For training queries, where there were some.
    pub training: Option<f32>,
}

impl Index {
    /// Figures about the library; reads no vectors.
    ///
    /// # Errors
    /// When the database or the library's directory cannot be read.
    pub fn stats(&self) -> Result<Stats> {
        let mut spaces = Vec::new();
        for space in self.spaces()? {
            let shape = self.shape(space.id)?;
            let (items, unsealed) = (shape.counters.items, shape.counters.unsealed);
            spaces.push(SpaceStats {
                space,
                items,
                unsealed,
                segments: shape.sealed.iter().map(SegmentStats::new).collect(),
                problems: shape.problems().map(str::to_owned).collect(),
            });
        }
        let mut disk_bytes = 0;
        for name in ["db", "segments"] {
            disk_bytes += directory_bytes(&self.dir().join(name))?;
        }
        Ok(Stats { spaces, disk_bytes })
    }
}

impl SegmentStats {
    fn new(sealed: &Sealed) -> Self {
        Self {
            name: sealed.record.name.clone(),
            items: sealed.record.items,
            dead: sealed.dead.len() as u64,
            graph: sealed.record.graph,
            bytes: sealed.segment.bytes(),
            recall: sealed.record.recall.iter().map(RecallStats::new).collect(),
        }
    }
}

impl RecallStats {
    pub(crate) fn new(point: &RecallPoint) -> Self {
        let share = |stored: u16| f32::from(stored) / 1e4;
        Self {
            ef: point.ef as usize,
            own: share(point.own),
            training: point.training.map(share),
        }
    }
}

/// Bytes of the files in a directory; a writer may remove any of them meanwhile.
fn directory_bytes(path: &Path) -> Result<u64> {
    if !path.exists() {
        return Ok(0);
    }
    let entries = fs::read_dir(path).map_err(IndexError::io(path))?;
    Ok(entries
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum())
}
