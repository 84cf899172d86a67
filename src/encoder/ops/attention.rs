use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::simd::{Kernel, dispatch, multiply_add};
use super::values;

/// Partial sums of a dot product.
const LANES: usize = 8;

/// Multi-head self-attention (Vaswani et al., 2017) within each of several sequences that lie packed one after another,
/// so that no padding is computed and no sequence sees its neighbours.
///
/// Input `[tokens, 3 * hidden]`: bare products for queries, keys and values, `bias` not added yet. Output
/// `[tokens, hidden]`.
pub(crate) struct Attention<'a> {
    /// Number of heads; divides `hidden`.
    pub(crate) heads: usize,
    /// Biases of queries, keys and values, `3 * hidden`.
    pub(crate) bias: &'a [f32],
    /// Tokens of each sequence; their sum is `tokens`.
    pub(crate) lengths: &'a [usize],
}

impl CustomOp1 for Attention<'_> {
    fn name(&self) -> &'static str {
        "packed-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (tokens, width) = layout.shape().dims2()?;
        let hidden = width / 3;
        if self.heads == 0
            || hidden == 0
            || !width.is_multiple_of(3 * self.heads)
            || self.bias.len() != width
            || self.lengths.iter().sum::<usize>() != tokens
        {
            bail!(
                "attention of {} heads, {} biases and {} sequences given {:?}",
                self.heads,
                self.bias.len(),
                self.lengths.len(),
                layout.shape()
            )
        }
        let mut output = vec![0.0; tokens * hidden];
        dispatch(Sequences {
            attention: self,
            input,
            output: &mut output,
            hidden,
        });
        Ok((CpuStorage::F32(output), (tokens, hidden).into()))
    }
}

struct Sequences<'a> {
    attention: &'a Attention<'a>,
    input: &'a [f32],
    output: &'a mut [f32],
    hidden: usize,
}

impl Kernel for Sequences<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (hidden, bias) = (self.hidden, self.attention.bias);
        let head_size = hidden / self.attention.heads;
        let longest = self.attention.lengths.iter().copied().max().unwrap_or(0);
        let mut biased = vec![0.0; longest * 3 * hidden];
        let mut scores = vec![0.0; longest];
        let (mut input, mut output) = (self.input, self.output);
        for length in self.attention.lengths.iter().copied() {
            let (sequence, later) = input.split_at(length * 3 * hidden);
            let (result, later_results) = output.split_at_mut(length * hidden);
            (input, output) = (later, later_results);
            for (to, from) in biased
                .chunks_exact_mut(bias.len())
                .zip(sequence.chunks_exact(bias.len()))
            {
                for ((to, from), bias) in to.iter_mut().zip(from).zip(bias) {
                    *to = from + bias;
                }
            }
            for head in 0..self.attention.heads {
                let part = |token: usize, which: usize| {
                    &biased[(token * 3 + which) * hidden + head * head_size..][..head_size]
                };
                for query in 0..length {
                    for (key, score) in scores[..length].iter_mut().enumerate() {
                        *score = dot::<FMA>(part(query, 0), part(key, 1));
                    }
                    softmax(&mut scores[..length], 1.0 / (head_size as f32).sqrt());
                    let sum = &mut result[query * hidden + head * head_size..][..head_size];
                    for (token, weight) in scores[..length].iter().enumerate() {
                        for (sum, value) in sum.iter_mut().zip(part(token, 2)) {
                            *sum = multiply_add::<FMA>(*weight, *value, *sum);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] = multiply_add::<FMA>(a[lane], b[lane], sums[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// `softmax(scores * scale)` in place.
#[inline(always)]
fn softmax(scores: &mut [f32], scale: f32) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = ((*score - largest) * scale).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device, Tensor};

    use super::super::simd::run_portable;
    use super::super::testing::{max_difference, noise};
    use super::*;

    const HEADS: usize = 3;
    const HEAD_SIZE: usize = 10;
    const HIDDEN: usize = HEADS * HEAD_SIZE;

    fn input(tokens: usize) -> Result<Tensor> {
        Tensor::from_vec(noise(tokens * 3 * HIDDEN, 1), (tokens, 3 * HIDDEN), &Device::Cpu)? * 3.0
    }

    /// The definition for one sequence, in tensor operations.
    fn reference(sequence: &Tensor, bias: &[f32]) -> Result<Vec<f32>> {
        let tokens = sequence.dim(0)?;
        let parts = sequence.broadcast_add(&Tensor::new(bias, &Device::Cpu)?)?;
        let part = |which: usize| {
            parts
                .narrow(1, which * HIDDEN, HIDDEN)?
                .reshape((tokens, HEADS, HEAD_SIZE))?
                .transpose(0, 1)?
                .contiguous()
        };
        let scores = (part(0)?.matmul(&part(1)?.transpose(1, 2)?)? / (HEAD_SIZE as f64).sqrt())?;
        let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        weights.matmul(&part(2)?)?.transpose(0, 1)?.flatten_all()?.to_vec1()
    }

    #[test]
    fn each_sequence_attends_to_itself_alone() -> Result<()> {
        let lengths = [4, 1, 7];
        let (packed, bias) = (input(12)?, noise(3 * HIDDEN, 2));
        let op = Attention {
            heads: HEADS,
            bias: &bias,
            lengths: &lengths,
        };
        let result = packed.apply_op1_no_bwd(&op)?;
        let mut start = 0;
        for length in lengths {
            let expected = reference(&packed.narrow(0, start, length)?, &bias)?;
            let got = result.narrow(0, start, length)?.flatten_all()?.to_vec1::<f32>()?;
            assert!(max_difference(&got, &expected) < 1e-5, "sequence of {length} tokens");
            start += length;
        }
        Ok(())
    }

    #[test]
    fn the_portable_code_agrees_with_the_dispatched() -> Result<()> {
        let (packed, bias, lengths) = (input(9)?, noise(3 * HIDDEN, 3), [3, 6]);
        let op = Attention {
            heads: HEADS,
            bias: &bias,
            lengths: &lengths,
        };
        let dispatched = packed.apply_op1_no_bwd(&op)?.flatten_all()?.to_vec1::<f32>()?;
        let mut portable = vec![0.0; dispatched.len()];
        run_portable(Sequences {
            attention: &op,
            input: &packed.flatten_all()?.to_vec1::<f32>()?,
            output: &mut portable,
            hidden: HIDDEN,
        });
        assert!(max_difference(&portable, &dispatched) < 1e-5);
        Ok(())
    }

    #[test]
    fn refuses_lengths_that_do_not_add_up() -> Result<()> {
        let bias = vec![0.0; 3 * HIDDEN];
        let op = Attention {
            heads: HEADS,
            bias: &bias,
            lengths: &[2, 2],
        };
        assert!(input(5)?.apply_op1_no_bwd(&op).is_err());
        Ok(())
    }
}
