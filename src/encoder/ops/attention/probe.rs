use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::super::simd::{Kernel, dispatch, multiply_add};
use super::super::values;
use super::{COLUMNS, softmax};

/// Attention of one query, the same for all, to each of several sequences that lie packed one after another: the
/// pooling of Lee et al. (Set Transformer, 2019).
///
/// Input `[tokens, 2 * hidden]`: bare products for keys and values. Output `[sequences, hidden]`, to which the bias of
/// the values is still to be added; the bias of the keys moves all scores of a head alike, and so nothing.
pub(crate) struct ProbeAttention<'a> {
    /// Number of heads; divides `hidden`.
    pub(crate) heads: usize,
    /// The query, with its bias and scaled by `1 / sqrt(hidden / heads)`.
    pub(crate) query: &'a [f32],
    /// Tokens of each sequence; their sum is `tokens`.
    pub(crate) lengths: &'a [usize],
}

impl CustomOp1 for ProbeAttention<'_> {
    fn name(&self) -> &'static str {
        "probe-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (tokens, width) = layout.shape().dims2()?;
        let hidden = self.query.len();
        if self.heads == 0
            || hidden == 0
            || !hidden.is_multiple_of(self.heads)
            || width != 2 * hidden
            || self.lengths.iter().sum::<usize>() != tokens
        {
            bail!(
                "attention of a query of {hidden} values in {} heads to {} sequences given {:?}",
                self.heads,
                self.lengths.len(),
                layout.shape()
            )
        }
        let mut output = vec![0.0; self.lengths.len() * hidden];
        dispatch(Pooling {
            attention: self,
            input,
            output: &mut output,
        });
        Ok((CpuStorage::F32(output), (self.lengths.len(), hidden).into()))
    }
}

struct Pooling<'a> {
    attention: &'a ProbeAttention<'a>,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Pooling<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let query = self.attention.query;
        let (hidden, size) = (query.len(), query.len() / self.attention.heads);
        let longest = self.attention.lengths.iter().copied().max().unwrap_or(0);
        let mut scores = vec![0.0; longest.next_multiple_of(COLUMNS)];
        let mut input = self.input;
        let results = self.output.chunks_exact_mut(hidden);
        for (result, length) in results.zip(self.attention.lengths.iter().copied()) {
            let (sequence, later) = input.split_at(length * 2 * hidden);
            input = later;
            let scores = &mut scores[..length.next_multiple_of(COLUMNS)];
            for head in 0..self.attention.heads {
                let part = head * size..(head + 1) * size;
                let tokens = || sequence.chunks_exact(2 * hidden);
                for (score, token) in scores.iter_mut().zip(tokens()) {
                    *score = dot::<FMA>(&query[part.clone()], &token[part.clone()]);
                }
                softmax::<FMA>(scores, length);
                let result = &mut result[part.clone()];
                for (weight, token) in scores.iter().zip(tokens()) {
                    for (sum, value) in result.iter_mut().zip(&token[hidden..][part.clone()]) {
                        *sum = multiply_add::<FMA>(*weight, *value, *sum);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<COLUMNS>(), b.as_chunks::<COLUMNS>());
    let mut sums = [0.0; COLUMNS];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..COLUMNS {
            sums[lane] = multiply_add::<FMA>(a[lane], b[lane], sums[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::super::simd::run_portable;
    use super::super::super::testing::{flat, matrix, max_difference, noise};
    use super::super::Attention;
    use super::*;

    const HEADS: usize = 3;
    const HIDDEN: usize = 30;

    /// The same by self-attention: the probe is put before the tokens as a token with a key that nobody attends to.
    fn reference(query: &[f32], tokens: &Tensor) -> Result<Vec<f32>> {
        let count = tokens.dim(0)?;
        let unscaled: Vec<f32> = query.iter().map(|v| v * 10f32.sqrt()).collect();
        let queries = Tensor::from_vec(unscaled.repeat(count), (count, HIDDEN), &Device::Cpu)?;
        let op = Attention {
            heads: HEADS,
            bias: &[0.0; 3 * HIDDEN],
            lengths: &[count],
            causal: false,
        };
        let attended = Tensor::cat(&[&queries, tokens], 1)?.apply_op1_no_bwd(&op)?;
        flat(&attended.narrow(0, 0, 1)?)
    }

    #[test]
    fn each_sequence_is_pooled_by_itself() -> Result<()> {
        let (query, input, lengths) = (noise(HIDDEN, 1), matrix(23, 2 * HIDDEN, 2, 3.0)?, [4, 1, 18]);
        let op = ProbeAttention {
            heads: HEADS,
            query: &query,
            lengths: &lengths,
        };
        let pooled = input.apply_op1_no_bwd(&op)?;
        assert_eq!(pooled.dims(), [3, HIDDEN]);
        let mut portable = vec![0.0; 3 * HIDDEN];
        run_portable(Pooling {
            attention: &op,
            input: &flat(&input)?,
            output: &mut portable,
        });
        assert!(max_difference(&portable, &flat(&pooled)?) < 1e-5);
        let mut start = 0;
        for (row, length) in portable.chunks_exact(HIDDEN).zip(lengths) {
            let expected = reference(&query, &input.narrow(0, start, length)?)?;
            assert!(max_difference(row, &expected) < 1e-5, "sequence of {length} tokens");
            start += length;
        }
        Ok(())
    }

    #[test]
    fn refuses_lengths_that_do_not_add_up() -> Result<()> {
        let op = ProbeAttention {
            heads: HEADS,
            query: &[0.0; HIDDEN],
            lengths: &[2, 2],
        };
        assert!(matrix(5, 2 * HIDDEN, 1, 1.0)?.apply_op1_no_bwd(&op).is_err());
        Ok(())
    }
}
