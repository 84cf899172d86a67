//! The segment file.
//!
//! A segment holds the vectors of one space as they were when it was sealed, and perhaps a graph over them. It never
//! changes once it has its name, `NAME.seg` in the library's `segments` directory. All numbers are little-endian;
//! every section starts at a multiple of 64 bytes, with zeros before it; the file ends with its last section.
//!
//! | offset | content |
//! | --- | --- |
//! | 0 | `CLIPDEXS` |
//! | 8 | BLAKE3 checksum of everything from offset 40 on |
//! | 40 | format version, u32 |
//! | 44 | flags, u32: 1 when there is a graph |
//! | 48 | dimensions, u32 |
//! | 52 | neighbours a node at level 0, u32 (0 without a graph) |
//! | 56 | vectors, u64 |
//! | 64 | neighbours a node above level 0, u32 (0 without a graph) |
//! | 68 | row of the entry point, u32 |
//! | 72 | nodes at levels 1 to 16, 16 x u32 |
//! | 192 | item ids, u64 each, ascending; a vector's place here is its *row* |
//! | … | vectors, f16, row by row |
//! | … | level 0: the neighbours of each row, u32 rows, filled up with `0xffffffff` |
//! | … | levels 1 and up: the rows that are on each level, u32, ascending within a level |
//! | … | levels 1 and up: the neighbours of each of those, u32 rows, filled up with `0xffffffff` |
//!
//! Where each section lies follows from the header, so that there are no offsets to be wrong.

use std::ops::Range;

/// First bytes of a segment file.
pub(crate) const MAGIC: &[u8; 8] = b"CLIPDEXS";
/// The version this program writes and reads.
pub(crate) const VERSION: u32 = 1;
/// Where the checksummed part begins.
pub(crate) const BODY: usize = 40;
/// Bytes before the first section.
pub(crate) const HEADER: usize = 192;
/// Levels above level 0.
pub(crate) const LEVELS: usize = 16;
/// Alignment of every section.
pub(crate) const ALIGN: usize = 64;
/// No neighbour.
pub(crate) const NONE: u32 = u32::MAX;

const FLAG_GRAPH: u32 = 1;

/// What the header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) dim: u32,
    pub(crate) count: u64,
    pub(crate) graph: Option<GraphHeader>,
}

/// The header's part about the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphHeader {
    pub(crate) stride: u32,
    pub(crate) upper_stride: u32,
    pub(crate) entry: u32,
    pub(crate) level_nodes: [u32; LEVELS],
}

impl Header {
    /// The checksummed bytes from [`BODY`] to [`HEADER`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let graph = self.graph.unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEADER - BODY);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(if self.graph.is_some() { FLAG_GRAPH } else { 0 }.to_le_bytes());
        bytes.extend(self.dim.to_le_bytes());
        bytes.extend(graph.stride.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(graph.upper_stride.to_le_bytes());
        bytes.extend(graph.entry.to_le_bytes());
        bytes.extend(graph.level_nodes.iter().flat_map(|nodes| nodes.to_le_bytes()));
        bytes.resize(HEADER - BODY, 0);
        bytes
    }

    /// The checksum and the header of a file, or what is wrong with it.
    pub(crate) fn decode(file: &[u8]) -> Result<([u8; 32], Self), String> {
        let (magic, rest) = file.split_first_chunk::<8>().ok_or("shorter than a header")?;
        if magic != MAGIC {
            return Err("not a segment file".to_owned());
        }
        let (checksum, mut rest) = rest.split_first_chunk::<32>().ok_or("shorter than a header")?;
        let version = take_u32(&mut rest)?;
        if version != VERSION {
            return Err(format!("segment version {version}, known is {VERSION}"));
        }
        let flags = take_u32(&mut rest)?;
        let dim = take_u32(&mut rest)?;
        let stride = take_u32(&mut rest)?;
        let count = u64::from(take_u32(&mut rest)?) | u64::from(take_u32(&mut rest)?) << 32;
        let (upper_stride, entry) = (take_u32(&mut rest)?, take_u32(&mut rest)?);
        let mut level_nodes = [0; LEVELS];
        for nodes in &mut level_nodes {
            *nodes = take_u32(&mut rest)?;
        }
        let graph = match flags {
            0 => None,
            FLAG_GRAPH => Some(GraphHeader {
                stride,
                upper_stride,
                entry,
                level_nodes,
            }),
            _ => return Err(format!("unknown flags {flags:#x}")),
        };
        if graph.is_some() && u64::from(entry) >= count {
            return Err(format!("entry point {entry} of {count} vectors"));
        }
        Ok((*checksum, Self { dim, count, graph }))
    }
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, String> {
    let (value, after) = rest.split_first_chunk::<4>().ok_or("shorter than a header")?;
    *rest = after;
    Ok(u32::from_le_bytes(*value))
}

/// Byte ranges of the sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) ids: Range<usize>,
    pub(crate) vectors: Range<usize>,
    pub(crate) level0: Range<usize>,
    pub(crate) upper_nodes: Range<usize>,
    pub(crate) upper_neighbours: Range<usize>,
}

impl Layout {
    /// Where the sections of a file with this header lie; none when that is past what memory can address.
    pub(crate) fn new(header: &Header) -> Option<Self> {
        let count = usize::try_from(header.count).ok()?;
        let dim = usize::try_from(header.dim).ok()?;
        let graph = header.graph.unwrap_or_default();
        let (stride, upper_stride) = (graph.stride as usize, graph.upper_stride as usize);
        let upper = graph
            .level_nodes
            .iter()
            .try_fold(0usize, |sum, nodes| sum.checked_add(*nodes as usize))?;

        let ids = section(HEADER, count, 8)?;
        let vectors = section(ids.end, count.checked_mul(dim)?, 2)?;
        let level0 = section(vectors.end, count.checked_mul(stride)?, 4)?;
        let upper_nodes = section(level0.end, upper, 4)?;
        let upper_neighbours = section(upper_nodes.end, upper.checked_mul(upper_stride)?, 4)?;
        Some(Self {
            ids,
            vectors,
            level0,
            upper_nodes,
            upper_neighbours,
        })
    }

    /// Bytes of the file.
    pub(crate) fn len(&self) -> usize {
        self.upper_neighbours.end
    }
}

fn section(after: usize, values: usize, bytes: usize) -> Option<Range<usize>> {
    let start = after.checked_next_multiple_of(ALIGN)?;
    Some(start..start.checked_add(values.checked_mul(bytes)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        let mut level_nodes = [0; LEVELS];
        level_nodes[0] = 2;
        level_nodes[1] = 1;
        let graph = GraphHeader {
            stride: 4,
            upper_stride: 2,
            entry: 3,
            level_nodes,
        };
        Header {
            dim: 3,
            count: 5,
            graph: Some(graph),
        }
    }

    #[test]
    fn headers_round_trip() {
        for header in [
            sample(),
            Header {
                graph: None,
                ..sample()
            },
        ] {
            let file = [MAGIC.as_slice(), &[7; 32], &header.encode()].concat();
            assert_eq!(file.len(), HEADER);
            assert_eq!(Header::decode(&file).unwrap(), ([7; 32], header));
            for length in 0..BODY + 96 {
                assert!(Header::decode(&file[..length]).is_err());
            }
        }
    }

    #[test]
    fn sections_are_aligned_and_do_not_overlap() {
        let layout = Layout::new(&sample()).unwrap();
        assert_eq!(layout.ids, 192..232);
        assert_eq!(layout.vectors, 256..286);
        assert_eq!(layout.level0, 320..400);
        assert_eq!(layout.upper_nodes, 448..460);
        assert_eq!(layout.upper_neighbours, 512..536);
        assert_eq!(layout.len(), 536);
    }

    #[test]
    fn impossible_sizes_have_no_layout() {
        assert_eq!(
            Layout::new(&Header {
                count: u64::MAX,
                ..sample()
            }),
            None
        );
        assert_eq!(
            Layout::new(&Header {
                dim: u32::MAX,
                count: u64::MAX / 8,
                graph: None
            }),
            None
        );
    }
}
