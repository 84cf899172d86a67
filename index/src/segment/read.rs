//! Opening a segment file: a memory map and checks of its header.

#![allow(unsafe_code, reason = "memory mapping")]

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use bytemuck::AnyBitPattern;
use half::f16;
#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::Mmap;
use rayon::prelude::*;

use super::format::{BLOCK, BODY, CHECKSUM, Header, LEVELS, Layout};
use crate::graph::{GraphView, LevelView};
use crate::kernel::prefetch;
use crate::matrix;
use crate::quantize::CodesView;
use crate::sketch::SketchesView;
use crate::store::codec::SegmentRecord;
use crate::types::ItemId;

/// An open segment file. Every access is bounds-checked, so that a damaged file gives wrong answers at worst.
pub(crate) struct Segment {
    map: Mmap,
    header: Header,
    layout: Layout,
    /// Where vectors are read that a search looks at, if they are too many to become the process's memory.
    apart: Option<File>,
}

/// Bytes of vectors that searches may make the process's memory by looking at them: around each, the system maps 64 KiB
/// or more of what it has in memory anyway. Reading one takes less time than mapping it.
const MAPPED: usize = 512 << 20;

impl Segment {
    /// Maps a file, and checks its header and the list of its blocks' checksums against the record that names it. The
    /// blocks themselves are not read: see [`Segment::checksum_holds`].
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(crate) fn open(directory: &Path, record: &SegmentRecord, dim: usize) -> Result<Self, String> {
        Self::open_mapping(directory, record, dim, MAPPED)
    }

    /// As [`Segment::open`], with the most bytes of vectors that a search looks at where they are mapped.
    pub(super) fn open_mapping(
        directory: &Path,
        record: &SegmentRecord,
        dim: usize,
        mapped: usize,
    ) -> Result<Self, String> {
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
        let segment = Self {
            map,
            apart: (layout.vectors.len() > mapped).then_some(file),
            header,
            layout,
        };
        if !segment.head_holds(&checksum) {
            return Err("the checksum of its header does not hold".to_owned());
        }
        segment.advise();
        Ok(segment)
    }

    /// Asks for large pages where walks and scans go, and for small ones where a few vectors are looked at. Measured:
    /// rows at random places are then read in 20 to 25% less time, all rows in order in 20% less. Where the system
    /// refuses, only that is lost.
    fn advise(&self) {
        #[cfg(target_os = "linux")]
        {
            let Range { start, end } = self.layout.vectors;
            let _ = self.map.advise_range(Advice::HugePage, 0, start);
            let _ = self.map.advise_range(Advice::NoHugePage, start, end - start);
        }
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

    /// The vector in a row, for a search, which looks at a few; empty for a row that is not there. It may lie in `buffer`.
    pub(crate) fn vector<'a>(&'a self, row: usize, buffer: &'a mut Vec<f16>) -> &'a [f16] {
        let mapped = matrix::row(self.vectors(), self.header.dim as usize, row);
        if let Some(file) = &self.apart {
            buffer.resize(mapped.len(), f16::ZERO);
            let place = self.layout.vectors.start + row * size_of_val(mapped);
            // What cannot be read may still be in memory.
            if read_at(file, bytemuck::cast_slice_mut(buffer), place as u64) {
                return buffer;
            }
        }
        mapped
    }

    /// Asks for the vector in a row, which will be looked at soon.
    pub(crate) fn prefetch_vector(&self, row: usize) {
        if self.apart.is_none() {
            prefetch(matrix::row(self.vectors(), self.header.dim as usize, row));
        }
    }

    /// The codes of the vectors.
    pub(crate) fn codes(&self) -> CodesView<'_> {
        CodesView {
            dim: self.header.dim as usize,
            codes: self.section(&self.layout.codes),
            scales: self.section(&self.layout.scales),
            mean: self.section(&self.layout.mean),
            error: self.header.error,
        }
    }

    /// The sketches of the vectors, where they have some.
    pub(crate) fn sketches(&self) -> Option<SketchesView<'_>> {
        self.header.sketches.map(|lead| SketchesView {
            dim: self.header.dim as usize,
            queries: self.section(&self.layout.directions),
            sketches: self.section(&self.layout.sketches),
            lead,
        })
    }

    pub(crate) fn graph(&self) -> Option<GraphView<'_>> {
        let header = self.header.graph?;
        let mut nodes = self.section::<u32>(&self.layout.upper_nodes);
        let mut neighbours = self.section::<u32>(&self.layout.upper_neighbours);
        let upper_stride = header.upper_stride as usize;
        let mut upper = [LevelView::default(); LEVELS];
        for (level, count) in upper.iter_mut().zip(header.level_nodes) {
            (level.nodes, nodes) = nodes.split_at_checked(count as usize)?;
            (level.neighbours, neighbours) = neighbours.split_at_checked(count as usize * upper_stride)?;
        }
        Some(GraphView {
            entry: header.entry,
            stride: header.stride as usize,
            level0: self.section(&self.layout.level0),
            upper_stride,
            upper,
        })
    }

    /// Reads the whole file, and compares the checksum of its header and of every block.
    pub(crate) fn checksum_holds(&self, record: &SegmentRecord) -> bool {
        self.head_holds(&record.checksum) && self.damaged().next().is_none()
    }

    fn head_holds(&self, checksum: &[u8; CHECKSUM]) -> bool {
        let head = self.map.get(BODY..self.layout.body.start).unwrap_or_default();
        blake3::hash(head).as_bytes() == checksum
    }

    /// The byte ranges of the file's blocks whose checksums do not hold.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = Range<usize>> {
        let stated = self.map.get(self.layout.blocks.clone()).unwrap_or_default();
        let body = self.map.get(self.layout.body.clone()).unwrap_or_default();
        let wrong: Vec<usize> = body
            .par_chunks(BLOCK)
            .zip(stated.par_chunks(CHECKSUM))
            .enumerate()
            .filter(|(_, (block, stated))| blake3::hash(block).as_bytes() != *stated)
            .map(|(place, _)| place)
            .collect();
        let (start, end) = (self.layout.body.start, self.layout.body.end);
        wrong.into_iter().map(move |place| {
            let from = start + place * BLOCK;
            from..(from + BLOCK).min(end)
        })
    }

    /// `open` checked that the sections lie within the map, and their alignment is that of a page's parts.
    fn section<T: AnyBitPattern>(&self, range: &Range<usize>) -> &[T] {
        let bytes = self.map.get(range.clone()).unwrap_or_default();
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }
}

/// Whether `bytes` were read from there on.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], place: u64) -> bool {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place).is_ok()
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> bool {
    false
}
