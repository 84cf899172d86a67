//! Writing a segment file: under a temporary name, synced, then renamed.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::format::{BODY, GraphHeader, Header, Layout, MAGIC};
use crate::error::{IndexError, Result};
use crate::graph::Graph;
use crate::matrix::Matrix;

/// Writes `matrix` and perhaps a graph over it to `directory/name`, and returns the file's checksum. The file is on
/// the disk, complete, before it has its name.
///
/// # Errors
/// When a file operation fails; a file under the temporary name may be left, which the next writer removes.
pub(crate) fn write(directory: &Path, name: &str, matrix: &Matrix, graph: Option<&Graph>) -> Result<[u8; 32]> {
    fs::create_dir_all(directory).map_err(IndexError::io(directory))?;
    let temporary = directory.join(format!("{name}.tmp"));
    let checksum = write_file(&temporary, matrix, graph)?;
    let path = directory.join(name);
    fs::rename(&temporary, &path).map_err(IndexError::io(&path))?;
    sync_directory(directory)?;
    Ok(checksum)
}

/// Makes names in a directory durable.
fn sync_directory(directory: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(directory)
            .and_then(|handle| handle.sync_all())
            .map_err(IndexError::io(directory))?;
    }
    Ok(())
}

fn write_file(path: &Path, matrix: &Matrix, graph: Option<&Graph>) -> Result<[u8; 32]> {
    let too_large = || IndexError::Graph {
        reason: "the space is too large for one segment".to_owned(),
    };
    let header = Header {
        dim: u32::try_from(matrix.dim).map_err(|_| too_large())?,
        count: matrix.ids.len() as u64,
        graph: graph.map(Graph::header),
    };
    let layout = Layout::new(&header).ok_or_else(too_large)?;
    let io = |error| IndexError::io(path)(error);
    let file = File::create(path).map_err(io)?;
    let mut body = Body {
        file: BufWriter::with_capacity(1 << 20, file),
        hasher: blake3::Hasher::new(),
        at: BODY,
    };
    body.file
        .write_all(MAGIC)
        .and_then(|()| body.file.write_all(&[0; 32]))
        .map_err(io)?;
    body.write_sections(&header, &layout, matrix, graph).map_err(io)?;

    let checksum = *body.hasher.finalize().as_bytes();
    let mut file = body.file.into_inner().map_err(|error| io(error.into_error()))?;
    file.seek(SeekFrom::Start(MAGIC.len() as u64)).map_err(io)?;
    file.write_all(&checksum).map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(checksum)
}

/// The checksummed part of a file while it is written.
struct Body {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    at: usize,
}

impl Body {
    fn write_sections(
        &mut self,
        header: &Header,
        layout: &Layout,
        matrix: &Matrix,
        graph: Option<&Graph>,
    ) -> std::io::Result<()> {
        self.put(&header.encode())?;
        self.pad_to(layout.ids.start)?;
        self.put_all(&matrix.ids, |id| id.to_le_bytes())?;
        self.pad_to(layout.vectors.start)?;
        self.put_all(&matrix.vectors, |value| value.to_le_bytes())?;
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
        self.pad_to(layout.len())
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.at += bytes.len();
        self.file.write_all(bytes)
    }

    fn put_all<T, const N: usize>(&mut self, values: &[T], encode: impl Fn(&T) -> [u8; N]) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for values in values.chunks(1 << 14) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(&encode));
            self.put(&bytes)?;
        }
        Ok(())
    }

    fn pad_to(&mut self, offset: usize) -> std::io::Result<()> {
        self.put(&vec![0; offset.saturating_sub(self.at)])
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
