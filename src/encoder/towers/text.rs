use std::borrow::Cow;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::TextConfig;
use super::transformer::{LayerNames, Projection, Transformer, load_norm, rows_at};
use crate::encoder::embedding::{TokenEmbedding, batches};
use crate::encoder::ops::Norm;
use crate::encoder::tokenizer::TextTokenizer;
use crate::encoder::weights::Weights;
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
    width: usize,
    transformer: Transformer,
    last_norm: Norm,
    projection: Projection,
}

impl TextTower {
    /// Reads the tower; of the embeddings it notes the place alone.
    pub(in crate::encoder) fn load(
        weights: &Weights,
        config: &TextConfig,
        names: &TextNames,
        causal: bool,
        projection: Projection,
    ) -> Result<Self, EncoderError> {
        let width = config.transformer.width;
        let (words, positions) = ((names.words, config.vocabulary), (names.positions, config.longest));
        Ok(Self {
            embedding: TokenEmbedding::load(weights, words, positions, width)?,
            width,
            transformer: Transformer::load(weights, &config.transformer, (names.layers, names.layer), causal)?,
            last_norm: load_norm(weights, names.last_norm, &config.transformer)?,
            projection,
        })
    }

    /// Vectors `[sequences, dim]`, of any length; `None` where an id or a position is outside the model.
    fn forward(&self, sequences: &[Vec<u32>]) -> candle_core::Result<Option<Tensor>> {
        let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
        let Some(embedded) = self.embedding.embed(&sequences.concat(), &lengths) else {
            return Ok(None);
        };
        let tokens = lengths.iter().sum::<usize>();
        let states = Tensor::from_vec(embedded, (tokens, self.width), &Device::Cpu)?;
        let states = self.transformer.forward(states, &lengths)?;
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end - 1)
        });
        let last = rows_at(&states, ends)?.apply_op1_no_bwd(&self.last_norm)?;
        self.projection.forward(&last).map(Some)
    }
}

/// The text side of a family that has a [`TextTower`].
pub(in crate::encoder) struct TowerTextEncoder<S> {
    pub(in crate::encoder) identity: Identity,
    pub(in crate::encoder) tokenizer: TextTokenizer,
    pub(in crate::encoder) sequences: S,
    pub(in crate::encoder) tower: TextTower,
}

impl<S: Sequences> TowerTextEncoder<S> {
    /// The sequence that the tower reads for `text`.
    pub(in crate::encoder) fn sequence(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        let mut ids = self.tokenizer.ids(&self.sequences.clean(text))?;
        if ids.is_empty() {
            return Err(self.tokenizer.error(&format!("it makes no token of {text:?}")));
        }
        self.sequences.finish(&mut ids);
        Ok(ids)
    }

    /// Unit vectors of sequences that are none of them empty.
    pub(in crate::encoder) fn embed_sequences(&self, sequences: &[Vec<u32>]) -> Result<Embeddings, EncoderError> {
        let vectors: Vec<Vec<f32>> = batches(sequences)
            .par_iter()
            .map(|batch| {
                let vectors = self.tower.forward(batch)?;
                let vectors = vectors.ok_or_else(|| {
                    self.tokenizer
                        .error("it makes tokens that are outside the model's vocabulary")
                })?;
                Ok(vectors.flatten_all()?.to_vec1::<f32>()?)
            })
            .collect::<Result<_, EncoderError>>()?;
        Ok(Embeddings::normalized(self.identity.dim, vectors.concat()))
    }
}

impl<S: Sequences> TextEncoder for TowerTextEncoder<S> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, EncoderError> {
        let sequences: Vec<Vec<u32>> = texts
            .par_iter()
            .map(|text| self.sequence(text))
            .collect::<Result<_, _>>()?;
        self.embed_sequences(&sequences)
    }
}
