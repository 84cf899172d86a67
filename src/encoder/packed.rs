//! A tower's packed matrices in one file of the cache: loading them is mapping the file.
//!
//! | bytes | what |
//! | --- | --- |
//! | 64 | header: magic, version, CRC-32 of the table, start and length of the table, little-endian; the stamp of the weights |
//! | … | the matrices' bytes, each at a multiple of 64 |
//! | … | the table: for each matrix its key, size, layout, place and CRC-32, in postcard's form |
//!
//! The file's name says which model, side, precision and instructions it is for, and the stamp, which weights it was made
//! of. What cannot be read, or was made of others, is packed anew.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::cache::{Cache, NewFile};
use super::kernels::{PackedMatrix, Shared};
use super::towers::Compute;
use super::{EncoderError, Fingerprint};

const MAGIC: [u8; 8] = *b"clipdexW";
const VERSION: u32 = 2;
const HEADER: usize = 64;
/// Kernels read whole cache lines.
const ALIGNMENT: u64 = 64;

/// What a file of packed matrices was made of. The fingerprint alone does not say: it covers samples of the weights, and two
/// trainings that leave those as they are share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u8; 32]);

impl Stamp {
    /// Of weights all of which the fingerprint covers.
    pub(super) fn of_content(fingerprint: &Fingerprint) -> Self {
        Self(fingerprint.0)
    }

    /// Of the opened weights files: their lengths, and when they were last written.
    pub(super) fn of_files(files: &[Metadata]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for file in files {
            // A system that does not know the time leaves the length.
            let written = file
                .modified()
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            hasher.update(&file.len().to_le_bytes());
            hasher.update(&written.unwrap_or_default().as_nanos().to_le_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// Where a tower's matrices come from, and where they go.
pub(super) struct PackedStore {
    cache: Cache,
    name: String,
    mode: Mode,
}

enum Mode {
    /// Every matrix is packed and kept in memory.
    Memory,
    Read(PackedFile),
    Write(Mutex<Option<PackedWriter>>),
}

struct PackedFile {
    bytes: Arc<Mmap>,
    entries: BTreeMap<String, Entry>,
    /// Whether a matrix was missing or damaged.
    refused: AtomicBool,
}

struct PackedWriter {
    file: NewFile,
    stamp: Stamp,
    table: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    outputs: u64,
    depth: u64,
    layout: u64,
    start: u64,
    length: u64,
    checksum: u32,
}

impl PackedStore {
    /// The file of a `side` of the model with this fingerprint, whose weights are of `stamp`, packed for `compute`: read
    /// where it is there, else written.
    pub(super) fn open(
        cache: &Cache,
        (fingerprint, side): (&Fingerprint, &str),
        stamp: Stamp,
        compute: Compute,
    ) -> Self {
        let layout = compute.kernels.layout(compute.precision).tag();
        Self::open_file(cache, format!("packed/{fingerprint}-{side}-{layout:016x}.bin"), stamp)
    }

    fn open_file(cache: &Cache, name: String, stamp: Stamp) -> Self {
        let mode = match PackedFile::open(cache, &name, stamp) {
            Some(file) => Mode::Read(file),
            None => match PackedWriter::create(cache, &name, stamp) {
                Ok(Some(writer)) => Mode::Write(Mutex::new(Some(writer))),
                // A cache that cannot be written costs time at every start, and nothing else.
                Ok(None) | Err(_) => Mode::Memory,
            },
        };
        let cache = cache.clone();
        Self { cache, name, mode }
    }

    /// The matrix `key`, of `size` outputs and inputs, for `compute`; `pack` makes it where the file does not have it.
    pub(super) fn matrix(
        &self,
        key: &str,
        compute: Compute,
        size: (usize, usize),
        pack: impl FnOnce() -> Result<PackedMatrix, EncoderError>,
    ) -> Result<PackedMatrix, EncoderError> {
        match &self.mode {
            Mode::Memory => pack(),
            Mode::Read(file) => match file.matrix(key, compute, size) {
                Some(matrix) => Ok(matrix),
                None => {
                    file.refused.store(true, Ordering::Relaxed);
                    pack()
                }
            },
            Mode::Write(writer) => {
                let packed = pack()?;
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = writer.as_mut().map(|writer| writer.keep(key, compute, &packed));
                match kept {
                    Some(Ok(mapped)) => Ok(mapped),
                    None => Ok(packed),
                    Some(Err(_)) => {
                        *writer = None;
                        Ok(packed)
                    }
                }
            }
        }
    }

    /// To be called when the tower is complete: gives a new file its name, and removes one that has faults.
    pub(super) fn finish(self) {
        match self.mode {
            Mode::Memory => {}
            Mode::Read(file) => {
                if file.refused.into_inner() {
                    self.cache.remove(&self.name);
                }
            }
            Mode::Write(writer) => {
                if let Some(writer) = writer.into_inner().unwrap_or_else(PoisonError::into_inner) {
                    // What could not be written is written by a later start.
                    let _ = writer.finish();
                }
            }
        }
    }
}

impl PackedFile {
    /// The file, where it is there, was made of the weights of `stamp`, and its table is whole.
    fn open(cache: &Cache, name: &str, stamp: Stamp) -> Option<Self> {
        let bytes = cache.map(name)?;
        // A product goes through all of a tower's weights: in small pages they are many more than the core knows the places
        // of. Only the file systems that have large pages heed this, and where it is refused, only speed is lost.
        #[cfg(target_os = "linux")]
        let _ = bytes.advise(memmap2::Advice::HugePage);
        let (header, _) = bytes.split_first_chunk::<HEADER>()?;
        let word = |at: usize| Some(u64::from_le_bytes(*header.get(at..)?.first_chunk()?));
        let half = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
        let (start, length) = (usize::try_from(word(16)?).ok()?, usize::try_from(word(24)?).ok()?);
        let table = bytes.get(start..start.checked_add(length)?)?;
        let known = header.starts_with(&MAGIC) && half(8)? == VERSION && header.ends_with(&stamp.0);
        let whole = known && half(12)? == crc32fast::hash(table);
        let entries = whole.then(|| postcard::from_bytes(table).ok())??;
        Some(Self {
            bytes: Arc::new(bytes),
            entries,
            refused: AtomicBool::new(false),
        })
    }

    fn matrix(&self, key: &str, compute: Compute, size: (usize, usize)) -> Option<PackedMatrix> {
        let entry = self.entries.get(key)?;
        let stored = (usize::try_from(entry.outputs).ok()?, usize::try_from(entry.depth).ok()?);
        let start = usize::try_from(entry.start).ok()?;
        let part = start..start.checked_add(usize::try_from(entry.length).ok()?)?;
        let whole = stored == size && crc32fast::hash(self.bytes.get(part.clone())?) == entry.checksum;
        let shared = whole.then(|| Shared::new(self.bytes.clone(), part).ok())??;
        PackedMatrix::from_bytes(compute.kernels, compute.precision, size, entry.layout, shared).ok()
    }
}

impl PackedWriter {
    fn create(cache: &Cache, name: &str, stamp: Stamp) -> io::Result<Option<Self>> {
        let Some(mut file) = cache.create(name)? else {
            return Ok(None);
        };
        file.append(&[0; HEADER])?;
        let table = BTreeMap::new();
        Ok(Some(Self { file, stamp, table }))
    }

    /// Writes a matrix, and gives it back as it lies in the file: so a tower never holds all of its matrices twice.
    fn keep(&mut self, key: &str, compute: Compute, matrix: &PackedMatrix) -> io::Result<PackedMatrix> {
        let bytes = matrix.as_bytes();
        let padding = self.file.length().next_multiple_of(ALIGNMENT) - self.file.length();
        self.file.append(&[0; ALIGNMENT as usize][..padding as usize])?;
        let entry = Entry {
            outputs: matrix.outputs() as u64,
            depth: matrix.depth() as u64,
            layout: matrix.layout().tag(),
            start: self.file.append(bytes)?,
            length: bytes.len() as u64,
            checksum: crc32fast::hash(bytes),
        };
        let map = self.file.map(entry.start, bytes.len())?;
        let mapped = Shared::new(Arc::new(map), 0..bytes.len()).and_then(|shared| {
            let size = (matrix.outputs(), matrix.depth());
            PackedMatrix::from_bytes(compute.kernels, compute.precision, size, entry.layout, shared)
        });
        self.table.insert(key.to_owned(), entry);
        mapped.map_err(io::Error::other)
    }

    fn finish(mut self) -> io::Result<()> {
        let table = postcard::to_stdvec(&self.table).map_err(io::Error::other)?;
        let start = self.file.append(&table)?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend(crc32fast::hash(&table).to_le_bytes());
        header.extend(start.to_le_bytes());
        header.extend((table.len() as u64).to_le_bytes());
        header.extend(self.stamp.0);
        self.file.begin_with(&header)?;
        self.file.finish()
    }
}

#[cfg(test)]
mod tests;
