//! Batches of prepared photographs to vectors.

use std::collections::{HashMap, HashSet};

use super::IngestError;
use super::prepare::{Examined, Finding, Hash, Prepared};
use crate::encoder::{ImageEncoder, Pixels};

/// Files that are committed together, with the vectors of those photographs that are new.
pub(super) struct Embedded {
    pub files: Vec<Examined>,
    pub vectors: HashMap<Hash, Vec<f32>>,
}

/// Embeds each content once, however many files have it.
pub(super) struct Embedder<'a> {
    encoder: &'a dyn ImageEncoder,
    /// Contents of this run that are embedded, whether or not they are committed yet.
    seen: HashSet<Hash>,
}

impl<'a> Embedder<'a> {
    pub fn new(encoder: &'a dyn ImageEncoder) -> Self {
        let seen = HashSet::new();
        Self { encoder, seen }
    }

    pub fn embed(&mut self, prepared: Vec<Prepared>) -> Result<Embedded, IngestError> {
        let mut files = Vec::with_capacity(prepared.len());
        let mut new: Vec<(Hash, Pixels)> = Vec::new();
        for Prepared { file, pixels } in prepared {
            if let (Finding::Photo { hash, .. }, Some(pixels)) = (&file.finding, pixels)
                && self.seen.insert(*hash)
            {
                new.push((*hash, pixels));
            }
            files.push(file);
        }
        let pixels: Vec<&Pixels> = new.iter().map(|(_, pixels)| pixels).collect();
        let embeddings = self.encoder.embed(&pixels)?;
        let hashes = new.iter().map(|(hash, _)| *hash);
        let vectors = hashes.zip(embeddings.rows().map(<[f32]>::to_vec)).collect();
        Ok(Embedded { files, vectors })
    }
}
