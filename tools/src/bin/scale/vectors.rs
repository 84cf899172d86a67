//! Vectors in files of little-endian f32, row by row.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The rows of a file, read as they are asked for.
pub(crate) struct Rows {
    file: BufReader<File>,
    path: PathBuf,
    dim: usize,
}

impl Rows {
    pub(crate) fn open(path: &Path, dim: usize) -> Result<Self> {
        ensure!(dim > 0, "vectors of no values");
        let file = File::open(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            file: BufReader::new(file),
            path: path.to_owned(),
            dim,
        })
    }

    /// The values of the next rows; fewer than asked for at the end of the file.
    pub(crate) fn take(&mut self, rows: usize) -> Result<Vec<f32>> {
        let row = 4 * self.dim;
        let mut bytes = Vec::with_capacity(rows.min(1 << 16) * row);
        let mut part = (&mut self.file).take((rows * row) as u64);
        part.read_to_end(&mut bytes)
            .with_context(|| self.path.display().to_string())?;
        ensure!(
            bytes.len().is_multiple_of(row),
            "{} does not end with a vector of {} values",
            self.path.display(),
            self.dim
        );
        Ok(bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }
}
