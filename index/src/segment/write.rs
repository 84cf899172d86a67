//! Writing a segment file: under a temporary name, synced, then renamed.

use std::fs::{self, File};
use std::io::{Result, Seek, SeekFrom, Write};
use std::path::Path;

use super::format::{BLOCK, BODY, GraphHeader, Header, Layout, MAGIC};
use crate::error::{self, IndexError};
use crate::graph::{Graph, MAX_ROWS};
use crate::matrix::Matrix;
use crate::quantize::Codes;
use crate::sketch::Sketches;

/// Bytes of a large page. What is written in whole large pages, Linux keeps in such pages (ext4 and XFS), and maps so.
const LARGE_PAGE: usize = 2 << 20;

/// Writes `matrix`, its codes, and perhaps a graph over it and sketches for walks of it to `directory/name`, and returns the checksum that the
/// file's header states. The file is on the disk, complete, before it has its name.
///
/// # Errors
/// When a file operation fails; a file under the temporary name may be left, which the next writer removes.
/// [`IndexError::Graph`] when the space is too large, or there is no memory for the codes.
pub(crate) fn write(
    directory: &Path,
    name: &str,
    matrix: &Matrix,
    graph: Option<&Graph>,
    sketches: Option<&Sketches>,
) -> error::Result<[u8; 32]> {
    fs::create_dir_all(directory).map_err(IndexError::io(directory))?;
    let temporary = directory.join(format!("{name}.tmp"));
    let checksum = write_file(&temporary, matrix, graph, sketches)?;
    let path = directory.join(name);
    fs::rename(&temporary, &path).map_err(IndexError::io(&path))?;
    sync_directory(directory)?;
    Ok(checksum)
}

/// Makes names in a directory durable.
fn sync_directory(directory: &Path) -> error::Result<()> {
    if cfg!(unix) {
        File::open(directory)
            .and_then(|handle| handle.sync_all())
            .map_err(IndexError::io(directory))?;
    }
    Ok(())
}

fn write_file(
    path: &Path,
    matrix: &Matrix,
    graph: Option<&Graph>,
    sketches: Option<&Sketches>,
) -> error::Result<[u8; 32]> {
    let too_large = || IndexError::Graph {
        reason: "the space is too large for one segment".to_owned(),
    };
    if matrix.ids.len() > MAX_ROWS {
        return Err(too_large());
    }
    let codes = Codes::new(matrix)?;
    let header = Header {
        dim: u32::try_from(matrix.dim).map_err(|_| too_large())?,
        count: matrix.ids.len() as u64,
        error: codes.view().error,
        sketches: sketches.map(Sketches::lead),
        graph: graph.map(Graph::header),
    };
    let layout = Layout::new(&header).ok_or_else(too_large)?;
    let io = |error| IndexError::io(path)(error);
    let mut body = Body::new(File::create(path).map_err(io)?, &layout).map_err(io)?;
    body.write_rows(&layout, matrix, &codes).map_err(io)?;
    body.write_links(&layout, graph, sketches).map_err(io)?;
    body.write_vectors(&layout, matrix).map_err(io)?;
    let (mut file, blocks) = body.finish().map_err(io)?;

    let mut head = header.encode();
    head.extend(blocks);
    head.resize(layout.body.start - BODY, 0);
    let checksum = *blake3::hash(&head).as_bytes();
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    file.write_all(&[MAGIC.as_slice(), &checksum, &head].concat())
        .map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(checksum)
}

/// The body of a file while it is written.
struct Body {
    file: File,
    /// What is not in the file yet, up to the next multiple of a large page.
    buffer: Vec<u8>,
    at: usize,
    /// Of the block that is being written.
    hasher: blake3::Hasher,
    /// Bytes of that block that are still to come.
    left: usize,
    /// The checksums of the blocks before it.
    checksums: Vec<u8>,
}

impl Body {
    /// Begins the body, after room for what comes before it.
    fn new(mut file: File, layout: &Layout) -> Result<Self> {
        file.seek(SeekFrom::Start(layout.body.start as u64))?;
        Ok(Self {
            file,
            buffer: Vec::with_capacity(LARGE_PAGE),
            at: layout.body.start,
            hasher: blake3::Hasher::new(),
            left: BLOCK,
            checksums: Vec::with_capacity(layout.blocks.len()),
        })
    }

    fn write_rows(&mut self, layout: &Layout, matrix: &Matrix, codes: &Codes) -> Result<()> {
        let codes = codes.view();
        self.put_all(&matrix.ids, |id| id.to_le_bytes())?;
        self.pad_to(layout.mean.start)?;
        self.put_all(codes.mean, |value| value.to_le_bytes())?;
        self.pad_to(layout.scales.start)?;
        self.put_all(codes.scales, |value| value.to_le_bytes())?;
        self.pad_to(layout.codes.start)?;
        self.put(bytemuck::cast_slice(codes.codes))
    }

    fn write_links(&mut self, layout: &Layout, graph: Option<&Graph>, sketches: Option<&Sketches>) -> Result<()> {
        self.pad_to(layout.directions.start)?;
        if let Some(sketches) = sketches {
            let sketches = sketches.view();
            self.put_all(sketches.queries, |value| value.to_le_bytes())?;
            self.pad_to(layout.sketches.start)?;
            self.put(sketches.sketches.as_flattened())?;
        }
        self.pad_to(layout.level0.start)?;
        if let Some(graph) = graph {
            self.put_all(&graph.level0, |row| row.to_le_bytes())?;
            self.pad_to(layout.upper_nodes.start)?;
            for level in &graph.upper {
                self.put_all(&level.nodes, |row| row.to_le_bytes())?;
            }
            self.pad_to(layout.upper_neighbours.start)?;
            for level in &graph.upper {
                self.put_all(&level.neighbours, |row| row.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn write_vectors(&mut self, layout: &Layout, matrix: &Matrix) -> Result<()> {
        self.pad_to(layout.vectors.start)?;
        self.put_all(&matrix.vectors, |value| value.to_le_bytes())?;
        self.pad_to(layout.len())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while let Some((part, after)) = rest.split_at_checked(self.left) {
            self.hasher.update(part);
            self.end_block();
            rest = after;
        }
        self.hasher.update(rest);
        self.left -= rest.len();
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while let Some((part, after)) = rest.split_at_checked(LARGE_PAGE - self.at % LARGE_PAGE) {
            self.buffer.extend_from_slice(part);
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
            self.at += part.len();
            rest = after;
        }
        self.buffer.extend_from_slice(rest);
        self.at += rest.len();
        Ok(())
    }

    fn end_block(&mut self) {
        self.checksums.extend(self.hasher.finalize().as_bytes());
        self.hasher.reset();
        self.left = BLOCK;
    }

    fn put_all<T, const N: usize>(&mut self, values: &[T], encode: impl Fn(&T) -> [u8; N]) -> Result<()> {
        let mut bytes = Vec::new();
        for values in values.chunks(1 << 14) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(&encode));
            self.put(&bytes)?;
        }
        Ok(())
    }

    fn pad_to(&mut self, offset: usize) -> Result<()> {
        self.put(&vec![0; offset.saturating_sub(self.at)])
    }

    /// The file, and the checksums of all blocks.
    fn finish(mut self) -> Result<(File, Vec<u8>)> {
        if self.left < BLOCK {
            self.end_block();
        }
        self.file.write_all(&self.buffer)?;
        Ok((self.file, self.checksums))
    }
}

impl Graph {
    fn header(&self) -> GraphHeader {
        let mut header = GraphHeader {
            stride: self.stride as u32,
            upper_stride: self.upper_stride as u32,
            entry: self.entry,
            ..GraphHeader::default()
        };
        for (nodes, level) in header.level_nodes.iter_mut().zip(&self.upper) {
            *nodes = level.nodes.len() as u32;
        }
        header
    }
}
