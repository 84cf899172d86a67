//! tokenizer.json, which defines how a model cuts text into tokens.
//!
//! What is slow to parse in it, the pieces and merges of a BPE model, is compiled once: `compile` makes the file that
//! `tables` reads, and `bpe` is the crate's model over it. All else stays the `tokenizers` crate's own.

mod bpe;
mod compile;
mod compiled;
mod tables;
mod template;
mod word;

use std::fmt::Display;

use serde::de::IgnoredAny;
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper};
use tokenizers::{Model, PostProcessor, Tokenizer, TokenizerImpl, TruncationParams};

use self::compiled::CompiledTokenizer;
use super::EncoderError;
use super::cache::Cache;
use super::checkpoint::Checkpoint;
use crate::contain::contain;

/// The file's name.
const FILE: &str = "tokenizer.json";

/// A tokenizer that cuts texts to a model's length and keeps the tokens that end them.
pub(super) struct TextTokenizer {
    kind: Kind,
    model: String,
}

/// Parsing the larger tokenizer.json takes longer than all else that a query needs, so what can be compiled is.
enum Kind {
    Parsed(Tokenizer),
    Compiled(CompiledTokenizer),
}

impl Kind {
    /// # Errors
    /// What is wrong, for people.
    fn read(json: &[u8], cache: &Cache, max_tokens: usize) -> Result<Self, String> {
        if let Some(mut tokenizer) = compiled::load(json, cache).map_err(|error| unreadable(&error))? {
            limit(&mut tokenizer, max_tokens)?;
            return Ok(Self::Compiled(tokenizer));
        }
        // Some of the crate's parts panic where the JSON breaks off in them; this says where.
        serde_json::from_slice::<IgnoredAny>(json).map_err(|error| unreadable(&error))?;
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|error| unreadable(&error))?;
        tokenizer.get_post_processor().map_or(Ok(()), template::check)?;
        limit(&mut tokenizer, max_tokens)?;
        Ok(Self::Parsed(tokenizer))
    }
}

fn unreadable(error: &dyn Display) -> String {
    format!("it is no tokenizer that can be read: {error}")
}

/// All parts of a tokenizer but its model as the crate has them.
type WithModel<M> = TokenizerImpl<M, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

impl TextTokenizer {
    /// Reads tokenizer.json, or what was compiled of it before; texts will have at most `max_tokens` tokens.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] or [`EncoderError::Tokenizer`] where it is missing or no tokenizer, or adds so many
    /// tokens that none is left for the text.
    pub(super) fn load(checkpoint: &Checkpoint, max_tokens: usize) -> Result<Self, EncoderError> {
        let json = checkpoint.read(FILE)?;
        let kind = contain(|| Kind::read(&json, checkpoint.cache(), max_tokens))
            .unwrap_or_else(|| Err(unreadable(&"the crate that reads it panics")))
            .map_err(|message| checkpoint.error(FILE, message))?;
        Ok(Self {
            kind,
            model: checkpoint.name().to_owned(),
        })
    }

    /// Token ids of `text`, with those that begin and end it.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        // A damaged map of a `Precompiled` normalizer is found out when a text is looked up in it, by a panic.
        let encoding = contain(|| match &self.kind {
            Kind::Parsed(tokenizer) => tokenizer.encode_fast(text, true),
            Kind::Compiled(tokenizer) => tokenizer.encode_fast(text, true),
        });
        let encoding = encoding.ok_or_else(|| self.error("it is damaged: its rules break down at a text"))?;
        let encoding = encoding.map_err(|error| self.error(&error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The id of `token`, where there is such a token.
    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        match &self.kind {
            Kind::Parsed(tokenizer) => tokenizer.token_to_id(token),
            Kind::Compiled(tokenizer) => tokenizer.token_to_id(token),
        }
    }

    /// An error about this tokenizer.
    pub(super) fn error(&self, message: &str) -> EncoderError {
        EncoderError::Tokenizer {
            model: self.model.clone(),
            message: format!("{FILE}: {message}"),
        }
    }
}

/// Makes a tokenizer cut texts to `max_tokens` tokens, and not fill them up.
///
/// # Errors
/// What is wrong, for people.
fn limit<M: Model>(tokenizer: &mut WithModel<M>, max_tokens: usize) -> Result<(), String> {
    let post = tokenizer.get_post_processor();
    let added = post.map_or(0, |post| post.added_tokens(false));
    if added >= max_tokens {
        return Err(format!(
            "it adds {added} tokens to each text, of which the model reads {max_tokens}"
        ));
    }
    let truncation = TruncationParams {
        max_length: max_tokens,
        ..TruncationParams::default()
    };
    let limited = tokenizer.with_padding(None).with_truncation(Some(truncation));
    limited.map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
