use std::borrow::Cow;

use rayon::prelude::*;

use super::TextConfig;
use super::parts::Parts;
use super::projection::Projection;
use super::transformer::{LayerNames, Transformer, Workspace};
use crate::encoder::embedding::{TokenEmbedding, batches};
use crate::encoder::tokenizer::TextTokenizer;
use crate::encoder::{Embeddings, EncoderError, Identity, TextEncoder};

/// How a file names the parts of the text tower.
#[derive(Debug)]
pub(in crate::encoder) struct TextNames {
    pub(in crate::encoder) words: &'static str,
    pub(in crate::encoder) positions: &'static str,
    pub(in crate::encoder) layers: &'static str,
    pub(in crate::encoder) layer: &'static LayerNames,
    pub(in crate::encoder) last_norm: &'static str,
}

/// What a family makes of a text's tokens. The state of a sequence's last token becomes the text's vector.
pub(in crate::encoder) trait Sequences: Send + Sync {
    /// Whether a token attends to itself and those before it alone.
    const CAUSAL: bool;

    /// The text as the tokenizer is to see it.
    fn clean<'a>(&self, text: &'a str) -> Cow<'a, str>;

    /// Brings the ids that the tokenizer gave, at least one, to the sequence that the tower reads.
    fn finish(&self, ids: &mut Vec<u32>);
}

/// The text tower up to its vectors: the last token's state is normalised and projected.
pub(in crate::encoder) struct TextTower {
    embedding: TokenEmbedding,
    transformer: Transformer,
    projection: Projection,
}

impl TextTower {
    /// Reads the tower; of the embeddings it notes the place alone.
    pub(in crate::encoder) fn load(
        parts: &Parts<'_>,
        config: &TextConfig,
        names: &TextNames,
        causal: bool,
        projection: Projection,
    ) -> Result<Self, EncoderError> {
        let (words, positions) = ((names.words, config.vocabulary), (names.positions, config.longest));
        Ok(Self {
            embedding: TokenEmbedding::load(parts.weights, words, positions, config.transformer.width)?,
            transformer: Transformer::load(parts, &config.transformer, (names.layers, names.layer), causal)?,
            projection,
        })
    }

    /// Vectors `[sequences, dim]`, of any length.
    fn forward(&self, sequences: &[Vec<u32>]) -> Result<Vec<f32>, EncoderError> {
        let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
        let states = self.embedding.embed(&sequences.concat(), &lengths)?;
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end - 1)
        });
        let mut workspace = Workspace::default();
        let ends: Vec<usize> = ends.collect();
        let last = self
            .transformer
            .forward_picked(states, &lengths, &ends, &mut workspace)?;
        Ok(self.projection.forward(&last, &mut workspace)?)
    }
}

impl TokenTower for TextTower {
    fn vectors(&self, sequences: &[Vec<u32>]) -> Result<Vec<f32>, EncoderError> {
        let vectors: Vec<Vec<f32>> = batches(sequences)
            .par_iter()
            .map(|batch| self.forward(batch))
            .collect::<Result<_, _>>()?;
        Ok(vectors.concat())
    }
}

/// What makes vectors of token sequences.
pub(in crate::encoder) trait TokenTower: Send + Sync {
    /// Vectors `[sequences, dim]`, of any length.
    ///
    /// # Errors
    /// Those of [`TokenEmbedding::embed`], where a sequence is none of the model's.
    fn vectors(&self, sequences: &[Vec<u32>]) -> Result<Vec<f32>, EncoderError>;
}

/// The text side of a family that has such a tower.
pub(in crate::encoder) struct TowerTextEncoder<S, T = TextTower> {
    pub(in crate::encoder) identity: Identity,
    pub(in crate::encoder) tokenizer: TextTokenizer,
    pub(in crate::encoder) sequences: S,
    pub(in crate::encoder) tower: T,
}

impl<S: Sequences, T: TokenTower> TextEncoder for TowerTextEncoder<S, T> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tokenize(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        let mut ids = self.tokenizer.ids(&self.sequences.clean(text))?;
        if ids.is_empty() {
            return Err(self.tokenizer.error(&format!("it makes no token of {text:?}")));
        }
        self.sequences.finish(&mut ids);
        Ok(ids)
    }

    fn embed_tokens(&self, sequences: &[Vec<u32>]) -> Result<Embeddings, EncoderError> {
        let vectors = self.tower.vectors(sequences)?;
        Embeddings::normalized(&self.identity, vectors)
    }
}
