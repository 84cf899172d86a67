//! Token sequences of a batch: how they are packed, and how they become vectors.

use super::EncoderError;
use super::weights::{Table, Weights};

/// Tokens of one batch: enough rows to make the matrix products efficient, few enough that their results stay in cache.
pub(super) const BATCH_TOKENS: usize = 512;

/// Embeddings of words and of positions, left where they are in the file: of tens of thousands of words a text needs a
/// few.
pub(super) struct TokenEmbedding {
    /// The model's name, for errors.
    model: String,
    words: Table,
    positions: Table,
    width: usize,
}

impl TokenEmbedding {
    /// Locates the tables `words`, of `vocabulary` rows, and `positions`, of `longest` rows, both of `width` columns.
    pub(super) fn load(
        weights: &Weights,
        (words, vocabulary): (&str, usize),
        (positions, longest): (&str, usize),
        width: usize,
    ) -> Result<Self, EncoderError> {
        Ok(Self {
            model: weights.model().to_owned(),
            words: weights.table(words, vocabulary, width)?,
            positions: weights.table(positions, longest, width)?,
            width,
        })
    }

    /// Word plus position embeddings `[tokens, width]` of `tokens`, the ids of sequences of `lengths` one after another.
    ///
    /// # Errors
    /// [`EncoderError::SequenceLength`] where a sequence is empty or too long; [`EncoderError::Token`] where the model has
    /// no such token.
    pub(super) fn embed(&self, tokens: &[u32], lengths: &[usize]) -> Result<Vec<f32>, EncoderError> {
        let longest = self.positions.rows();
        if let Some(got) = lengths.iter().copied().find(|length| !(1..=longest).contains(length)) {
            let model = self.model.clone();
            return Err(EncoderError::SequenceLength { model, got, longest });
        }
        let mut values = Vec::with_capacity(tokens.len() * self.width);
        let mut position_row = Vec::with_capacity(self.width);
        let positions = lengths.iter().flat_map(|length| 0..*length);
        for (token, position) in tokens.iter().zip(positions) {
            position_row.clear();
            let start = values.len();
            if !self.words.append_row(*token as usize, &mut values) {
                return Err(EncoderError::Token {
                    model: self.model.clone(),
                    token: *token,
                    vocabulary: self.words.rows(),
                });
            }
            // There are as many positions as the longest sequence has, which was checked.
            self.positions.append_row(position, &mut position_row);
            for (value, position) in values[start..].iter_mut().zip(&position_row) {
                *value += position;
            }
        }
        Ok(values)
    }
}

/// Cuts `sequences` into runs of about [`BATCH_TOKENS`] tokens.
pub(super) fn batches(sequences: &[Vec<u32>]) -> Vec<&[Vec<u32>]> {
    let mut batches = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (end, sequence) in sequences.iter().enumerate() {
        if end > start && tokens + sequence.len() > BATCH_TOKENS {
            batches.push(&sequences[start..end]);
            (start, tokens) = (end, 0);
        }
        tokens += sequence.len();
    }
    if start < sequences.len() {
        batches.push(&sequences[start..]);
    }
    batches
}
