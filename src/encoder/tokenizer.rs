//! tokenizer.json, which defines how a model cuts text into tokens.

use tokenizers::{PostProcessor, Tokenizer, TruncationParams};

use super::EncoderError;
use super::checkpoint::Checkpoint;

/// The file's name.
const FILE: &str = "tokenizer.json";

/// A tokenizer that cuts texts to a model's length and keeps the tokens that end them.
pub(super) struct TextTokenizer {
    tokenizer: Tokenizer,
    model: String,
}

impl TextTokenizer {
    /// Reads tokenizer.json; texts will have at most `max_tokens` tokens.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] or [`EncoderError::Tokenizer`] where it is missing or no tokenizer, or adds so many
    /// tokens that none is left for the text.
    pub(super) fn load(checkpoint: &Checkpoint, max_tokens: usize) -> Result<Self, EncoderError> {
        let failed = |message: String| checkpoint.error(FILE, message);
        let mut tokenizer = Tokenizer::from_bytes(checkpoint.read(FILE)?)
            .map_err(|error| failed(format!("it is no tokenizer that can be read: {error}")))?;
        let added = tokenizer
            .get_post_processor()
            .map_or(0, |post| post.added_tokens(false));
        if added >= max_tokens {
            return Err(failed(format!(
                "it adds {added} tokens to each text, of which the model reads {max_tokens}"
            )));
        }
        let truncation = TruncationParams {
            max_length: max_tokens,
            ..TruncationParams::default()
        };
        tokenizer
            .with_padding(None)
            .with_truncation(Some(truncation))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            tokenizer,
            model: checkpoint.name().to_owned(),
        })
    }

    /// Token ids of `text`, with those that begin and end it.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        let encoding = self.tokenizer.encode_fast(text, true);
        let encoding = encoding.map_err(|error| self.error(&error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The id of `token`, where there is such a token.
    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// An error about this tokenizer.
    pub(super) fn error(&self, message: &str) -> EncoderError {
        EncoderError::Tokenizer {
            model: self.model.clone(),
            message: format!("{FILE}: {message}"),
        }
    }
}
