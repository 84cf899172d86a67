//! From a candidate file to the encoder's input, or to the reason why not. Runs on several threads.

use std::io;
use std::sync::Arc;

use clipdex_index::{Index, Space};

use super::decode::Decoder;
use super::gate::Gate;
use super::pipeline;
use super::read::{Content, read};
use super::walk::Candidate;
use super::{IngestError, Options, READ_AHEAD_BYTES};
use crate::encoder::{ImageEncoder, Pixels};
use crate::library::PhotoRecord;
use crate::media::Photo;
use crate::perceptual::PerceptualHash;

/// BLAKE3 of a file's content: the key of its photograph.
pub(super) type Hash = [u8; 32];

/// A file that was opened.
pub(super) struct FileRead<'a> {
    candidate: &'a Candidate,
    content: io::Result<Content>,
}

/// A file that was looked at, with the encoder's input where it is to be embedded.
pub(super) struct Prepared {
    pub file: Examined,
    pub pixels: Option<Pixels>,
}

/// A file, and what it turned out to hold.
pub(super) struct Examined {
    /// The file, in the state in which it was read.
    pub candidate: Candidate,
    pub finding: Finding,
}

/// What a file turned out to hold.
pub(super) enum Finding {
    /// A photograph that the library has already, under whatever name.
    Known { hash: Hash },
    /// A photograph to embed.
    Photo { hash: Hash, record: Box<PhotoRecord> },
    /// Nothing that can be embedded.
    Failed { reason: String, transient: bool },
    /// The file is not there any more.
    Gone,
}

impl pipeline::Prepared for Prepared {
    fn is_embedded(&self) -> bool {
        self.pixels.is_some()
    }
}

/// Reads, hashes, decodes and preprocesses files.
pub(super) struct Preparer<'a> {
    index: Index,
    images: Space,
    encoder: &'a dyn ImageEncoder,
    decoder: Decoder,
    reading: Arc<Gate>,
}

impl<'a> Preparer<'a> {
    pub fn new(index: &Index, images: &Space, encoder: &'a dyn ImageEncoder, options: &Options) -> Self {
        Self {
            index: index.clone(),
            images: images.clone(),
            encoder,
            decoder: Decoder::new(options, encoder.enough_pixels()),
            reading: Gate::new(READ_AHEAD_BYTES),
        }
    }

    /// Reads a file; what goes wrong is part of the result.
    pub fn read<'c>(&self, candidate: &'c Candidate) -> FileRead<'c> {
        let content = read(&candidate.path, &self.reading);
        FileRead { candidate, content }
    }

    /// Errors are the library's or the encoder's; what is wrong with the file is part of the result.
    pub fn prepare(&self, file: FileRead<'_>) -> Result<Prepared, IngestError> {
        let mut candidate = file.candidate.clone();
        let (finding, pixels) = match file.content {
            Ok(content) => {
                // Should it have changed since the walk.
                candidate.state = content.state;
                self.examine(&content.bytes)?
            }
            Err(error) => (unread(&error), None),
        };
        let file = Examined { candidate, finding };
        Ok(Prepared { file, pixels })
    }

    fn examine(&self, bytes: &[u8]) -> Result<(Finding, Option<Pixels>), IngestError> {
        let hash = *blake3::hash(bytes).as_bytes();
        if self.index.id_of_key(self.images.id, &hash)?.is_some() {
            return Ok((Finding::Known { hash }, None));
        }
        let decoded = self.decoder.decode(bytes, |photo| {
            let pixels = self.encoder.preprocess(&photo.image)?;
            Ok::<_, IngestError>((Box::new(record(photo)), pixels))
        });
        Ok(match decoded {
            Ok(prepared) => {
                let (record, pixels) = prepared?;
                (Finding::Photo { hash, record }, Some(pixels))
            }
            Err(error) => {
                let (reason, transient) = (error.to_string(), false);
                (Finding::Failed { reason, transient }, None)
            }
        })
    }
}

/// What is stored of a photograph beside its vector: the only place where a record is made of one.
fn record(photo: &Photo) -> PhotoRecord {
    let info = &photo.info;
    PhotoRecord {
        format: info.format.to_string(),
        width: info.width,
        height: info.height,
        perceptual: Some(PerceptualHash::of(&photo.image)),
        orientation: info.orientation.to_exif(),
        metadata: photo.metadata.clone(),
    }
}

/// A file that cannot be read: gone since the walk, or not to be read now. Only its size cannot pass while it stays as
/// it is.
fn unread(error: &io::Error) -> Finding {
    match error.kind() {
        io::ErrorKind::NotFound => Finding::Gone,
        kind => Finding::Failed {
            reason: format!("cannot read: {error}"),
            transient: kind != io::ErrorKind::FileTooLarge,
        },
    }
}
