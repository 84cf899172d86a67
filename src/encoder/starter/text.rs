use rayon::prelude::*;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{TokenizerImpl, TruncationParams, decoders};

use super::bert::Bert;
use super::config::Config;
use super::{FINGERPRINT, NAME, TEXT_WEIGHTS, TOKENIZER, identity};
use crate::encoder::cache::Cache;
use crate::encoder::embedding::batches;
use crate::encoder::embeddings::normalize;
use crate::encoder::packed::{PackedStore, Stamp};
use crate::encoder::towers::Compute;
use crate::encoder::weights::Weights;
use crate::encoder::{Embeddings, EncoderError, Identity, TextEncoder};

/// What tokenizer.json holds, spelt out: a `tokenizers::Tokenizer` would try each kind of each part on a copy of the
/// vocabulary, which takes most of the time from start to answer.
type Tokenizer =
    TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, TemplateProcessing, decoders::wordpiece::WordPiece>;

/// The starter model's text side.
pub(in crate::encoder) struct StarterTextEncoder {
    identity: Identity,
    tokenizer: Tokenizer,
    bert: Bert,
    /// Mean of many texts' embeddings, which all texts share and which says nothing.
    center: Vec<f32>,
}

impl StarterTextEncoder {
    /// Reads the tokenizer and the text weights.
    pub(in crate::encoder) fn load(compute: Compute, cache: &Cache) -> Result<Self, EncoderError> {
        let config = Config::parse(super::CONFIG)?;
        let weights = Weights::parse(NAME, [("text.safetensors", TEXT_WEIGHTS)])?;
        let packed = PackedStore::open(cache, (&FINGERPRINT, "text"), Stamp::of_content(&FINGERPRINT), compute);
        let (tokenizer, bert) = rayon::join(
            || load_tokenizer(config.text.max_tokens),
            || Bert::load(&weights, &config.text, compute, &packed),
        );
        let encoder = Self {
            identity: identity(&config),
            tokenizer: tokenizer?,
            bert: bert?,
            center: weights.values("center", &[config.dim])?,
        };
        packed.finish();
        Ok(encoder)
    }

    /// Unit vectors of one batch of token sequences, one after another.
    fn embed_batch(&self, sequences: &[Vec<u32>]) -> Result<Vec<f32>, EncoderError> {
        let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
        let states = self.bert.forward(&sequences.concat(), &lengths)?;
        let dim = self.identity.dim;
        let mut rows = states.chunks_exact(dim);
        let mut embeddings = Vec::with_capacity(sequences.len() * dim);
        for length in lengths {
            // The length does not matter to the direction: a sum serves as well as a mean.
            let mut pooled = vec![0.0; dim];
            for row in rows.by_ref().take(length) {
                pooled.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            normalize(&mut pooled);
            pooled
                .iter_mut()
                .zip(&self.center)
                .for_each(|(value, center)| *value -= center);
            normalize(&mut pooled);
            embeddings.extend(pooled);
        }
        Ok(embeddings)
    }
}

impl TextEncoder for StarterTextEncoder {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tokenize(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(tokenizer_error)?;
        Ok(encoding.get_ids().to_vec())
    }

    fn embed_tokens(&self, sequences: &[Vec<u32>]) -> Result<Embeddings, EncoderError> {
        let batches: Vec<Vec<f32>> = batches(sequences)
            .par_iter()
            .map(|batch| self.embed_batch(batch))
            .collect::<Result<_, _>>()?;
        Ok(Embeddings::from_rows(self.identity.dim, batches.concat()))
    }
}

fn load_tokenizer(max_tokens: usize) -> Result<Tokenizer, EncoderError> {
    let mut tokenizer = Tokenizer::from_bytes(TOKENIZER).map_err(tokenizer_error)?;
    let truncation = TruncationParams {
        max_length: max_tokens,
        ..TruncationParams::default()
    };
    tokenizer
        .with_padding(None)
        .with_truncation(Some(truncation))
        .map_err(tokenizer_error)?;
    Ok(tokenizer)
}

// The type is that of the tokenizers crate.
#[allow(clippy::needless_pass_by_value)]
fn tokenizer_error(error: tokenizers::Error) -> EncoderError {
    EncoderError::Tokenizer {
        model: NAME.to_owned(),
        message: error.to_string(),
    }
}
