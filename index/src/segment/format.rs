//! The segment file.
//!
//! A segment holds the vectors of one space as they were when it was sealed, and perhaps a graph over them. It never
//! changes once it has its name, `NAME.seg` in the library's `segments` directory. All numbers are little-endian;
//! every section starts at a multiple of 64 bytes, with zeros before it; the file ends with its last section.
//!
//! | offset | content |
//! | --- | --- |
//! | 0 | `CLIPDEXS` |
//! | 8 | BLAKE3 checksum of what lies from offset 40 to the body |
//! | 40 | format version, u32 |
//! | 44 | flags, u32: 1 when there is a graph |
//! | 48 | dimensions, u32 |
//! | 52 | neighbours a node at level 0, u32 (0 without a graph) |
//! | 56 | vectors, u64 |
//! | 64 | neighbours a node above level 0, u32 (0 without a graph) |
//! | 68 | row of the entry point, u32 |
//! | 72 | nodes at levels 1 to 16, 16 x u32 |
//! | 136 | the longest rest of a row that its codes leave, in scales, f32 |
//! | 140 | values of a sketch, u32 (0 without sketches) |
//! | 144 | whether sketches lead walks alone, u32: 1 if they do |
//! | 192 | BLAKE3 checksum of each block of 1 MiB of the body, the last of which may be shorter |
//! | … | the body, from a multiple of 4096 bytes on: |
//! | | item ids, u64 each, ascending; a vector's place here is its *row* |
//! | | mean of the vectors, f32 |
//! | | scale of each row's codes, f32 |
//! | | codes, i8, row by row, each row filled up with zeros to a multiple of 64 |
//! | | directions that queries are sketched along, f16, direction by direction |
//! | | sketches, 64 bytes each, row by row |
//! | | level 0: the neighbours of each row, u32 rows, filled up with `0xffffffff` |
//! | | levels 1 and up: the rows that are on each level, u32, ascending within a level |
//! | | levels 1 and up: the neighbours of each of those, u32 rows, filled up with `0xffffffff` |
//! | | vectors, f16, row by row |
//!
//! Where each section lies follows from the header, so that there are no offsets to be wrong. The first checksum, which
//! the database repeats, is compared whenever a file is opened, and covers those of the blocks. What codes and sketches
//! mean: see `quantize` and `sketch`.

use std::ops::Range;

use crate::graph::MAX_ROWS;
use crate::quantize::stride;
use crate::sketch::{Lead, Sketch, WIDTH};

/// First bytes of a segment file.
pub(crate) const MAGIC: &[u8; 8] = b"CLIPDEXS";
/// The version this program writes and reads.
pub(crate) const VERSION: u32 = 3;
/// Where the checksummed part begins.
pub(crate) const BODY: usize = 40;
/// Bytes before the checksums of the blocks.
pub(crate) const HEADER: usize = 192;
/// Bytes of the body that have a checksum of their own.
pub(crate) const BLOCK: usize = 1 << 20;
/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 32;
/// Levels above level 0.
pub(crate) const LEVELS: usize = 16;
/// Alignment of every section.
pub(crate) const ALIGN: usize = 64;
/// No neighbour.
pub(crate) const NONE: u32 = u32::MAX;

const FLAG_GRAPH: u32 = 1;
/// Alignment of the body: pages can be mapped in it.
const PAGE: usize = 4096;

/// What the header says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Header {
    pub(crate) dim: u32,
    pub(crate) count: u64,
    pub(crate) error: f32,
    /// What the sketches of rows are good for, where they have some.
    pub(crate) sketches: Option<Lead>,
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
        bytes.extend(self.error.to_le_bytes());
        bytes.extend(self.sketches.map_or(0, |_| WIDTH as u32).to_le_bytes());
        bytes.extend(u32::from(self.sketches == Some(Lead::Alone)).to_le_bytes());
        bytes.resize(HEADER - BODY, 0);
        bytes
    }

    /// The checksum that a file states, and its header, or what is wrong with it.
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
        let error = f32::from_bits(take_u32(&mut rest)?);
        let (width, alone) = (take_u32(&mut rest)?, take_u32(&mut rest)?);
        let sketches = match width {
            0 => None,
            _ if width as usize == WIDTH => Some(if alone == 1 { Lead::Alone } else { Lead::Sifting }),
            _ => return Err(format!("sketches of {width} values, of which there should be {WIDTH}")),
        };
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
        if count > MAX_ROWS as u64 {
            return Err(format!("{count} vectors, of which a segment can have {MAX_ROWS}"));
        }
        let header = Self {
            dim,
            count,
            error,
            sketches,
            graph,
        };
        Ok((*checksum, header))
    }
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, String> {
    let (value, after) = rest.split_first_chunk::<4>().ok_or("shorter than a header")?;
    *rest = after;
    Ok(u32::from_le_bytes(*value))
}

/// Byte ranges of the parts of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The checksums of the blocks.
    pub(crate) blocks: Range<usize>,
    /// All that comes after.
    pub(crate) body: Range<usize>,
    pub(crate) ids: Range<usize>,
    pub(crate) mean: Range<usize>,
    pub(crate) scales: Range<usize>,
    pub(crate) codes: Range<usize>,
    pub(crate) directions: Range<usize>,
    pub(crate) sketches: Range<usize>,
    pub(crate) level0: Range<usize>,
    pub(crate) upper_nodes: Range<usize>,
    pub(crate) upper_neighbours: Range<usize>,
    pub(crate) vectors: Range<usize>,
}

impl Layout {
    /// Where the parts of a file with this header lie; none when that is past what memory can address.
    pub(crate) fn new(header: &Header) -> Option<Self> {
        let at_zero = Self::with_body_at(0, header)?;
        let blocks = at_zero.body.len().div_ceil(BLOCK).checked_mul(CHECKSUM)?;
        let end = HEADER.checked_add(blocks)?;
        let mut layout = Self::with_body_at(end.checked_next_multiple_of(PAGE)?, header)?;
        layout.blocks = HEADER..end;
        Some(layout)
    }

    fn with_body_at(start: usize, header: &Header) -> Option<Self> {
        let count = usize::try_from(header.count).ok()?;
        let dim = usize::try_from(header.dim).ok()?;
        let graph = header.graph.unwrap_or_default();
        let (places, upper_places) = (graph.stride as usize, graph.upper_stride as usize);
        let upper = graph
            .level_nodes
            .iter()
            .try_fold(0usize, |sum, nodes| sum.checked_add(*nodes as usize))?;

        let ids = section(start, count, 8)?;
        let mean = section(ids.end, dim, 4)?;
        let scales = section(mean.end, count, 4)?;
        let codes = section(scales.end, count.checked_mul(stride(dim))?, 1)?;
        let width = header.sketches.map_or(0, |_| WIDTH);
        let directions = section(codes.end, dim.checked_mul(width)?, 2)?;
        let sketches = section(
            directions.end,
            header.sketches.map_or(0, |_| count),
            size_of::<Sketch>(),
        )?;
        let level0 = section(sketches.end, count.checked_mul(places)?, 4)?;
        let upper_nodes = section(level0.end, upper, 4)?;
        let upper_neighbours = section(upper_nodes.end, upper.checked_mul(upper_places)?, 4)?;
        let vectors = section(upper_neighbours.end, count.checked_mul(dim)?, 2)?;
        Some(Self {
            blocks: 0..0,
            body: start..vectors.end,
            ids,
            mean,
            scales,
            codes,
            directions,
            sketches,
            level0,
            upper_nodes,
            upper_neighbours,
            vectors,
        })
    }

    /// Bytes of the file.
    pub(crate) fn len(&self) -> usize {
        self.body.end
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
            error: 6.5,
            sketches: None,
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
            Header {
                sketches: Some(Lead::Alone),
                ..sample()
            },
            Header {
                sketches: Some(Lead::Sifting),
                ..sample()
            },
        ] {
            let file = [MAGIC.as_slice(), &[7; 32], &header.encode()].concat();
            assert_eq!(file.len(), HEADER);
            assert_eq!(Header::decode(&file).unwrap(), ([7; 32], header));
            for length in 0..BODY + 100 {
                assert!(Header::decode(&file[..length]).is_err());
            }
        }
    }

    #[test]
    fn sections_are_aligned_and_do_not_overlap() {
        let layout = Layout::new(&sample()).unwrap();
        assert_eq!(layout.blocks, 192..224);
        assert_eq!(layout.body, 4096..4894);
        assert_eq!(layout.ids, 4096..4136);
        assert_eq!(layout.mean, 4160..4172);
        assert_eq!(layout.scales, 4224..4244);
        assert_eq!(layout.codes, 4288..4608);
        assert_eq!(layout.level0, 4608..4688);
        assert_eq!(layout.upper_nodes, 4736..4748);
        assert_eq!(layout.upper_neighbours, 4800..4824);
        assert_eq!(layout.vectors, 4864..4894);
        assert_eq!(layout.len(), 4894);
    }

    #[test]
    fn every_block_has_a_checksum() {
        let header = Header {
            dim: 512,
            count: 100_000,
            error: 0.0,
            sketches: Some(Lead::Sifting),
            graph: None,
        };
        let layout = Layout::new(&header).unwrap();
        assert_eq!(layout.blocks.len() / CHECKSUM, layout.body.len().div_ceil(BLOCK));
        assert!(layout.body.start >= layout.blocks.end && layout.body.start.is_multiple_of(PAGE));
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
                error: 0.0,
                sketches: None,
                graph: None
            }),
            None
        );
    }
}
