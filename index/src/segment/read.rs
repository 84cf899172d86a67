//! Opening a segment file: a memory map and checks of its header.

#![allow(unsafe_code, reason = "memory mapping")]

use std::fs::File;
use std::path::Path;

use bytemuck::AnyBitPattern;
use half::f16;
use memmap2::Mmap;

use super::format::{BODY, Header, Layout};
use crate::graph::{GraphView, LevelView};
use crate::store::codec::SegmentRecord;
use crate::types::ItemId;

/// An open segment file. Every access is bounds-checked, so that a damaged file gives wrong answers at worst.
pub(crate) struct Segment {
    map: Mmap,
    header: Header,
    layout: Layout,
}

impl Segment {
    /// Maps a file and checks its header against the record that names it. The checksum of the body is not computed:
    /// see [`Segment::checksum_holds`].
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(crate) fn open(directory: &Path, record: &SegmentRecord, dim: usize) -> Result<Self, String> {
        if cfg!(target_endian = "big") {
            return Err("segments are little-endian".to_owned());
        }
        let file = File::open(directory.join(&record.name)).map_err(|error| error.to_string())?;
        // SAFETY: a segment file is written under a temporary name and never changed once it has its own; writers
        // unlink it when it is replaced, which leaves the mapping intact. All bit patterns are valid for the types
        // read from it, and no row number found in it is used unchecked.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| error.to_string())?;
        let (checksum, header) = Header::decode(&map)?;
        if checksum != record.checksum {
            return Err("it is not the file that was sealed (checksum of another)".to_owned());
        }
        if u64::from(header.dim) != dim as u64 || header.count != record.items || header.graph.is_some() != record.graph
        {
            return Err("its header disagrees with the database".to_owned());
        }
        let layout = Layout::new(&header).ok_or("its header names an impossible size")?;
        if layout.len() != map.len() {
            return Err(format!(
                "{} bytes, of which there should be {}",
                map.len(),
                layout.len()
            ));
        }
        Ok(Self { map, header, layout })
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Ids of the items, ascending; an id's place is its row.
    pub(crate) fn ids(&self) -> &[ItemId] {
        self.section(&self.layout.ids)
    }

    /// Vectors row by row.
    pub(crate) fn vectors(&self) -> &[f16] {
        self.section(&self.layout.vectors)
    }

    pub(crate) fn graph(&self) -> Option<GraphView<'_>> {
        let header = self.header.graph?;
        let mut nodes = self.section::<u32>(&self.layout.upper_nodes);
        let mut neighbours = self.section::<u32>(&self.layout.upper_neighbours);
        let upper_stride = header.upper_stride as usize;
        let mut upper = Vec::new();
        for count in header.level_nodes {
            if count == 0 {
                break;
            }
            let (level, rest) = nodes.split_at_checked(count as usize)?;
            let (level_neighbours, neighbours_rest) = neighbours.split_at_checked(count as usize * upper_stride)?;
            (nodes, neighbours) = (rest, neighbours_rest);
            upper.push(LevelView {
                nodes: level,
                neighbours: level_neighbours,
            });
        }
        Some(GraphView {
            entry: header.entry,
            stride: header.stride as usize,
            level0: self.section(&self.layout.level0),
            upper_stride,
            upper,
        })
    }

    /// Reads the whole file and compares its checksum.
    pub(crate) fn checksum_holds(&self, record: &SegmentRecord) -> bool {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.map.get(BODY..).unwrap_or_default());
        *hasher.finalize().as_bytes() == record.checksum
    }

    /// `open` checked that the sections lie within the map, and their alignment is that of a page's parts.
    fn section<T: AnyBitPattern>(&self, range: &std::ops::Range<usize>) -> &[T] {
        let bytes = self.map.get(range.clone()).unwrap_or_default();
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }
}
