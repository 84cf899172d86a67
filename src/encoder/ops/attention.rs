use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::math::exp;
use super::simd::{Kernel, dispatch, multiply_add};
use super::values;

mod probe;

pub(crate) use probe::ProbeAttention;

/// Columns of a product that are computed together: two AVX2 registers a row.
const COLUMNS: usize = 16;
/// Rows of a product that are computed together. With these columns its sums take half of AVX2's registers.
const ROWS: usize = 4;

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
    /// Whether a token attends to itself and those before it alone.
    pub(crate) causal: bool,
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
        let longest = self.attention.lengths.iter().copied().max().unwrap_or(0);
        let mut head = Head::new(longest, self.hidden, self.hidden / self.attention.heads);
        let (mut input, mut output) = (self.input, self.output);
        for length in self.attention.lengths.iter().copied() {
            let (sequence, later) = input.split_at(length * 3 * self.hidden);
            let (result, later_results) = output.split_at_mut(length * self.hidden);
            (input, output) = (later, later_results);
            for index in 0..self.attention.heads {
                head.gather(sequence, self.attention.bias, index);
                head.attend::<FMA>(length, self.attention.causal, index, result);
            }
        }
    }
}

/// One head of one sequence, regrouped so that both of its products read memory in order. Rows and columns are filled up
/// to whole blocks; what fills them never reaches the output.
struct Head {
    hidden: usize,
    size: usize,
    /// `[token, size]`, scaled by `1 / sqrt(size)`.
    queries: Vec<f32>,
    /// `[size, token]`.
    keys: Vec<f32>,
    keys_stride: usize,
    /// `[token, size]`.
    values: Vec<f32>,
    values_stride: usize,
    /// `[ROWS, token]`.
    scores: Vec<f32>,
    /// `[ROWS, size]`.
    sums: Vec<f32>,
}

impl Head {
    fn new(tokens: usize, hidden: usize, size: usize) -> Self {
        let (keys_stride, values_stride) = (tokens.next_multiple_of(COLUMNS), size.next_multiple_of(COLUMNS));
        Self {
            hidden,
            size,
            queries: vec![0.0; tokens.next_multiple_of(ROWS) * size],
            keys: vec![0.0; size * keys_stride],
            keys_stride,
            values: vec![0.0; tokens * values_stride],
            values_stride,
            scores: vec![0.0; ROWS * keys_stride],
            sums: vec![0.0; ROWS * values_stride],
        }
    }

    /// Takes head `index` of each token of `sequence`, with its bias.
    #[inline(always)]
    fn gather(&mut self, sequence: &[f32], bias: &[f32], index: usize) {
        let (hidden, size) = (self.hidden, self.size);
        let part = |which: usize| which * hidden + index * size;
        let scale = 1.0 / (size as f32).sqrt();
        for (token, row) in sequence.chunks_exact(bias.len()).enumerate() {
            let biased = |which: usize| row[part(which)..][..size].iter().zip(&bias[part(which)..][..size]);
            for (to, (value, bias)) in self.queries[token * size..].iter_mut().zip(biased(0)) {
                *to = (value + bias) * scale;
            }
            for (column, (value, bias)) in self.keys.chunks_exact_mut(self.keys_stride).zip(biased(1)) {
                column[token] = value + bias;
            }
            for (to, (value, bias)) in self.values[token * self.values_stride..].iter_mut().zip(biased(2)) {
                *to = value + bias;
            }
        }
    }

    /// Writes what the first `length` tokens attend to into head `index` of the rows of `result`.
    #[inline(always)]
    fn attend<const FMA: bool>(&mut self, length: usize, causal: bool, index: usize, result: &mut [f32]) {
        for (block, rows) in result.chunks_mut(ROWS * self.hidden).enumerate() {
            let first = block * ROWS;
            let visible = |row: usize| if causal { (first + row + 1).min(length) } else { length };
            let reach = visible(ROWS - 1);
            let queries = Rows {
                values: &self.queries[first * self.size..],
                stride: self.size,
                length: self.size,
            };
            multiply::<FMA>(&queries, &self.keys, self.keys_stride, reach, &mut self.scores);
            for (row, scores) in self.scores.chunks_exact_mut(self.keys_stride).enumerate() {
                softmax::<FMA>(&mut scores[..reach.next_multiple_of(COLUMNS)], visible(row));
            }
            let scores = Rows {
                values: &self.scores,
                stride: self.keys_stride,
                length: reach,
            };
            multiply::<FMA>(&scores, &self.values, self.values_stride, self.size, &mut self.sums);
            for (to, sums) in rows
                .chunks_exact_mut(self.hidden)
                .zip(self.sums.chunks_exact(self.values_stride))
            {
                to[index * self.size..][..self.size].copy_from_slice(&sums[..self.size]);
            }
        }
    }
}

/// The `ROWS` rows of a left factor: the first `length` of each `stride` values.
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    length: usize,
}

/// `product[row, ..columns] = left[row] * right` for `ROWS` rows. `right` and `product` have rows of `stride` values, a
/// multiple of `COLUMNS`.
#[inline(always)]
fn multiply<const FMA: bool>(left: &Rows<'_>, right: &[f32], stride: usize, columns: usize, product: &mut [f32]) {
    let depth = left.length;
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &left.values[row * left.stride..][..depth]);
    for column in (0..columns).step_by(COLUMNS) {
        let mut sums = [[0.0; COLUMNS]; ROWS];
        for k in 0..depth {
            let right = &right[k * stride + column..][..COLUMNS];
            for row in 0..ROWS {
                let value = rows[row][k];
                for lane in 0..COLUMNS {
                    sums[row][lane] = multiply_add::<FMA>(value, right[lane], sums[row][lane]);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            product[row * stride + column..][..COLUMNS].copy_from_slice(sums);
        }
    }
}

/// Softmax over the first `visible` scores in place; the others become 0. Their number is a multiple of `COLUMNS`.
#[inline(always)]
fn softmax<const FMA: bool>(scores: &mut [f32], visible: usize) {
    scores[visible..].fill(f32::NEG_INFINITY);
    let (blocks, _) = scores.as_chunks_mut::<COLUMNS>();
    let mut largest = [f32::NEG_INFINITY; COLUMNS];
    for block in blocks.iter() {
        for lane in 0..COLUMNS {
            largest[lane] = largest[lane].max(block[lane]);
        }
    }
    let largest = largest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0; COLUMNS];
    for block in blocks.iter_mut() {
        for lane in 0..COLUMNS {
            block[lane] = exp::<FMA>(block[lane] - largest);
            sums[lane] += block[lane];
        }
    }
    let factor = 1.0 / sums.iter().sum::<f32>();
    for score in &mut scores[..visible] {
        *score *= factor;
    }
    scores[visible..].fill(0.0);
}

#[cfg(test)]
mod tests;
