//! From a candidate file to the encoder's input, or to the reason why not. Runs on several threads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clipdex_index::{Index, ItemId, Space};

use super::IngestError;
use super::walk::Candidate;
use crate::encoder::{ImageEncoder, Pixels};
use crate::library::{FileState, PhotoRecord};
use crate::media::{self, Limits};

/// Larger files are not photographs that the decoders could hold in memory.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A file that has been read.
pub(super) struct Prepared {
    /// The file, in the state in which it was read.
    pub candidate: Candidate,
    /// What it holds.
    pub content: Content,
}

/// What a file turned out to hold.
pub(super) enum Content {
    /// A photograph that the library has already, under whatever name.
    Known { hash: [u8; 32], item: ItemId },
    /// A photograph to embed.
    Photo {
        hash: [u8; 32],
        pixels: Pixels,
        record: PhotoRecord,
    },
    /// Nothing that can be embedded.
    Failed { reason: String, transient: bool },
}

/// Reads, hashes, decodes and preprocesses files.
pub(super) struct Preparer<'a> {
    pub index: Index,
    pub images: Space,
    pub encoder: &'a dyn ImageEncoder,
    pub limits: Limits,
}

impl Preparer<'_> {
    /// Errors are the library's or the encoder's; what is wrong with the file is part of the result.
    pub fn prepare(&self, candidate: &Candidate) -> Result<Prepared, IngestError> {
        let mut candidate = candidate.clone();
        let content = match read(&candidate.path) {
            Ok((state, bytes)) => {
                // Should it have changed since the walk.
                candidate.state = state;
                self.examine(&bytes)?
            }
            Err(error) => Content::Failed {
                reason: format!("cannot read: {error}"),
                transient: true,
            },
        };
        Ok(Prepared { candidate, content })
    }

    fn examine(&self, bytes: &[u8]) -> Result<Content, IngestError> {
        let hash = *blake3::hash(bytes).as_bytes();
        if let Some(item) = self.index.id_of_key(self.images.id, &hash)? {
            return Ok(Content::Known { hash, item });
        }
        match media::decode_reduced(bytes, &self.limits, self.encoder.enough_pixels()) {
            Ok(photo) => {
                let pixels = self.encoder.preprocess(&photo.image)?;
                let info = photo.info;
                let record = PhotoRecord {
                    format: info.format.to_string(),
                    width: info.width,
                    height: info.height,
                };
                Ok(Content::Photo { hash, pixels, record })
            }
            Err(error) => Ok(Content::Failed {
                reason: error.to_string(),
                transient: false,
            }),
        }
    }
}

/// The whole file, with the state in which it was read.
pub(super) fn read(path: &Path) -> io::Result<(FileState, Vec<u8>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > MAX_FILE_BYTES {
        let message = format!("{} bytes are more than the limit of {MAX_FILE_BYTES}", metadata.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok((FileState::of(&metadata), bytes))
}
