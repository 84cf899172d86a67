use candle_core::{Result as TensorResult, Tensor};

use super::Accelerator;
use super::parts::{DeviceParts, Projection};
use super::transformer::{TOKENS_AT_ONCE, Transformer};
use crate::encoder::EncoderError;
use crate::encoder::embedding::TokenEmbedding;
use crate::encoder::towers::{TextConfig, TextNames, TokenTower};

/// The text tower up to its vectors: the last token's state is normalised and projected. The tables of words and
/// positions stay where they are; the rows of a batch are brought to the device.
pub(in crate::encoder) struct DeviceTextTower {
    accelerator: Accelerator,
    embedding: TokenEmbedding,
    width: usize,
    /// Whether sequences of different lengths can be in a batch: what fills them up comes after all that counts.
    causal: bool,
    transformer: Transformer,
    projection: Projection,
}

impl DeviceTextTower {
    /// Reads the tower.
    pub(in crate::encoder) fn load(
        parts: &DeviceParts<'_>,
        config: &TextConfig,
        names: &TextNames,
        causal: bool,
        projection: Projection,
    ) -> Result<Self, EncoderError> {
        let (words, positions) = ((names.words, config.vocabulary), (names.positions, config.longest));
        let width = config.transformer.width;
        Ok(Self {
            accelerator: parts.accelerator.clone(),
            embedding: TokenEmbedding::load(parts.weights, words, positions, width)?,
            width,
            causal,
            transformer: Transformer::load(parts, &config.transformer, (names.layers, names.layer), causal)?,
            projection,
        })
    }

    /// Vectors `[sequences, dim]` of `embedded`, the embeddings of sequences of `lengths` one after another.
    fn forward(&self, embedded: &[f32], lengths: &[usize]) -> TensorResult<Vec<f32>> {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut filled = vec![0.0; lengths.len() * longest * self.width];
        let (mut rest, mut ends) = (embedded, Vec::with_capacity(lengths.len()));
        for (index, length) in lengths.iter().enumerate() {
            let (sequence, after) = rest.split_at(length * self.width);
            let first = index * longest;
            filled[first * self.width..][..sequence.len()].copy_from_slice(sequence);
            ends.push((first + length - 1) as u32);
            rest = after;
        }
        let tensors = &self.accelerator.tensors;
        let states = Tensor::from_vec(filled, (lengths.len() * longest, self.width), tensors)?;
        let states = self.transformer.forward(states, [lengths.len(), longest])?;
        let last = states.index_select(&Tensor::from_vec(ends, lengths.len(), tensors)?, 0)?;
        self.projection.forward(&last)?.flatten_all()?.to_vec1()
    }
}

impl TokenTower for DeviceTextTower {
    fn vectors(&self, sequences: &[Vec<u32>]) -> Result<Vec<f32>, EncoderError> {
        let mut vectors = Vec::new();
        for batch in batches(sequences, self.causal) {
            let lengths: Vec<usize> = batch.iter().map(Vec::len).collect();
            let embedded = self.embedding.embed(&batch.concat(), &lengths)?;
            vectors.extend(self.forward(&embedded, &lengths)?);
        }
        Ok(vectors)
    }
}

/// Cuts `sequences` into runs that, filled up to their longest, have about [`TOKENS_AT_ONCE`] tokens, and where lengths may
/// not be `mixed`, are of one length.
fn batches(sequences: &[Vec<u32>], mixed: bool) -> Vec<&[Vec<u32>]> {
    let mut batches = Vec::new();
    let (mut start, mut longest) = (0, 0);
    for (end, length) in sequences.iter().map(Vec::len).enumerate() {
        let full = longest.max(length) * (end + 1 - start) > TOKENS_AT_ONCE;
        if end > start && (full || (!mixed && length != longest)) {
            batches.push(&sequences[start..end]);
            (start, longest) = (end, 0);
        }
        longest = longest.max(length);
    }
    if start < sequences.len() {
        batches.push(&sequences[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the sequences of each batch.
    fn cut(lengths: &[usize], mixed: bool) -> Vec<Vec<usize>> {
        let sequences: Vec<Vec<u32>> = lengths.iter().map(|length| vec![0; *length]).collect();
        let batches = batches(&sequences, mixed);
        batches
            .iter()
            .map(|batch| batch.iter().map(Vec::len).collect())
            .collect()
    }

    #[test]
    fn batches_hold_what_fits_in_order() {
        assert_eq!(cut(&[3, 5, 2, 2], true), [[3, 5, 2, 2]]);
        assert_eq!(cut(&[3, 5, 2, 2], false), [vec![3], vec![5], vec![2, 2]]);
        let half = TOKENS_AT_ONCE / 2;
        assert_eq!(
            cut(&[1, half, half, 1, 1], true),
            [vec![1, half], vec![half, 1], vec![1]]
        );
        assert_eq!(cut(&[TOKENS_AT_ONCE + 1, 1], true), [[TOKENS_AT_ONCE + 1], [1]]);
        assert!(cut(&[], true).is_empty());
    }
}
