use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};

use super::patches::same_padding;
use super::simd::{Kernel, dispatch, multiply_add};
use super::values;

/// Channels that are computed together: one cache line, two AVX2 registers.
const LANES: usize = 16;
/// Upper bound of the activation relu6.
const SIX: f32 = 6.0;

type Lanes = [f32; LANES];

/// A depthwise convolution with the activations on both sides of it fused in:
/// `relu6(depthwise(relu6(input + input_bias)) + bias)`, padded as TensorFlow's SAME (Howard et al., MobileNets, 2017).
///
/// The input is the bare matrix product of the 1x1 convolution before it, `[height, width, channels]`, and is read from
/// memory once: each row is activated into a ring of padded rows, regrouped in blocks of `LANES` channels, from which
/// the convolution reads. Output `[ceil(height / stride), ceil(width / stride), channels]`.
pub(crate) struct Depthwise {
    kernel: usize,
    stride: usize,
    weights: DepthwiseWeights,
}

/// Parameters of a [`Depthwise`], regrouped in blocks of channels; channels are padded with zeros to whole blocks.
pub(crate) struct DepthwiseWeights {
    channels: usize,
    input_bias: Vec<Lanes>,
    bias: Vec<Lanes>,
    /// `[block][tap]`.
    taps: Vec<Lanes>,
}

impl DepthwiseWeights {
    /// Regroups `weight` `[channels, kernel * kernel]`, and the biases of the convolution before and of this one,
    /// `[channels]` each.
    pub(crate) fn new(weight: &[f32], input_bias: &[f32], bias: &[f32]) -> Result<Self> {
        let channels = bias.len();
        if channels == 0 || input_bias.len() != channels || !weight.len().is_multiple_of(channels) {
            bail!(
                "a depthwise convolution with {} weights for {channels} channels after {}",
                weight.len(),
                input_bias.len()
            )
        }
        let taps_per_channel = weight.len() / channels;
        let mut taps = vec![[0.0; LANES]; channels.div_ceil(LANES) * taps_per_channel];
        for (channel, values) in weight.chunks_exact(taps_per_channel).enumerate() {
            for (tap, value) in values.iter().enumerate() {
                taps[channel / LANES * taps_per_channel + tap][channel % LANES] = *value;
            }
        }
        Ok(Self {
            channels,
            input_bias: in_blocks(input_bias),
            bias: in_blocks(bias),
            taps,
        })
    }
}

/// Values in blocks of lanes, the last one filled up with zeros.
fn in_blocks(values: &[f32]) -> Vec<Lanes> {
    let fill = |chunk: &[f32]| std::array::from_fn(|lane| chunk.get(lane).copied().unwrap_or(0.0));
    values.chunks(LANES).map(fill).collect()
}

impl Depthwise {
    /// A convolution of `kernel` x `kernel` taps, 3 or 5, at stride 1 or 2.
    pub(crate) fn new(kernel: usize, stride: usize, weights: DepthwiseWeights) -> Result<Self> {
        if !matches!((kernel, stride), (3 | 5, 1 | 2)) || weights.taps.len() != weights.bias.len() * kernel * kernel {
            bail!("a depthwise convolution of {kernel} x {kernel} taps at stride {stride} is not supported")
        }
        Ok(Self {
            kernel,
            stride,
            weights,
        })
    }
}

impl CustomOp1 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(storage, layout)?;
        let (height, width, channels) = layout.shape().dims3()?;
        if channels != self.weights.channels || height == 0 || width == 0 {
            bail!(
                "depthwise convolution of {} channels given {:?}",
                self.weights.channels,
                layout.shape()
            )
        }
        let (out_height, top) = same_padding(height, self.kernel, self.stride);
        let (out_width, left) = same_padding(width, self.kernel, self.stride);
        let mut output = vec![0.0; out_height * out_width * channels];
        let pass = Pass {
            weights: &self.weights,
            input,
            output: &mut output,
            height,
            width,
            out_width,
            top,
            left,
        };
        match (self.kernel, self.stride) {
            (3, 1) => dispatch(Unrolled::<3, 1>(pass)),
            (3, 2) => dispatch(Unrolled::<3, 2>(pass)),
            (5, 1) => dispatch(Unrolled::<5, 1>(pass)),
            (5, 2) => dispatch(Unrolled::<5, 2>(pass)),
            _ => bail!(
                "depthwise convolution of {} taps at stride {}",
                self.kernel,
                self.stride
            ),
        }
        Ok((CpuStorage::F32(output), (out_height, out_width, channels).into()))
    }
}

/// One image through the convolution.
struct Pass<'a> {
    weights: &'a DepthwiseWeights,
    input: &'a [f32],
    output: &'a mut [f32],
    height: usize,
    width: usize,
    out_width: usize,
    top: usize,
    left: usize,
}

/// A pass whose kernel `K` and stride `S` the compiler knows, so that it unrolls the taps.
struct Unrolled<'a, const K: usize, const S: usize>(Pass<'a>);

impl<const K: usize, const S: usize> Kernel for Unrolled<'_, K, S> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let pass = self.0;
        let channels = pass.weights.channels;
        let blocks = pass.weights.bias.len();
        let padded_width = ((pass.out_width - 1) * S + K).max(pass.left + pass.width);
        let mut ring = vec![[0.0; LANES]; K * blocks * padded_width];
        let ring_row = blocks * padded_width;
        let mut loaded = 0;
        for (oy, out_row) in pass.output.chunks_exact_mut(pass.out_width * channels).enumerate() {
            // Rows are counted with the padding above the image included.
            while loaded < oy * S + K {
                let target = &mut ring[loaded % K * ring_row..][..ring_row];
                match loaded.checked_sub(pass.top).filter(|y| *y < pass.height) {
                    Some(y) => {
                        let row = &pass.input[y * pass.width * channels..][..pass.width * channels];
                        activate_row(row, &pass.weights.input_bias, channels, pass.left, padded_width, target);
                    }
                    None => target.fill([0.0; LANES]),
                }
                loaded += 1;
            }
            for block in 0..blocks {
                let rows: [&[Lanes]; K] = std::array::from_fn(|ky| {
                    &ring[(oy * S + ky) % K * ring_row + block * padded_width..][..padded_width]
                });
                let taps = &pass.weights.taps[block * K * K..][..K * K];
                let bias = &pass.weights.bias[block];
                for (ox, pixel) in out_row.chunks_exact_mut(channels).enumerate() {
                    let values = output::<K, S, FMA>(&rows, ox, taps, bias);
                    match pixel[block * LANES..].first_chunk_mut::<LANES>() {
                        Some(lanes) => *lanes = values,
                        None => pixel[block * LANES..].copy_from_slice(&values[..channels - block * LANES]),
                    }
                }
            }
        }
    }
}

/// Writes `relu6(row + bias)` into `target`, `[block][padded_width]`, from column `left` on.
#[inline(always)]
fn activate_row(row: &[f32], bias: &[Lanes], channels: usize, left: usize, padded_width: usize, target: &mut [Lanes]) {
    for (x, pixel) in row.chunks_exact(channels).enumerate() {
        let (whole, rest) = pixel.as_chunks::<LANES>();
        for (block, values) in whole.iter().enumerate() {
            let slot = &mut target[block * padded_width + left + x];
            for lane in 0..LANES {
                slot[lane] = (values[lane] + bias[block][lane]).clamp(0.0, SIX);
            }
        }
        if !rest.is_empty() {
            let slot = &mut target[whole.len() * padded_width + left + x];
            for (lane, value) in rest.iter().enumerate() {
                slot[lane] = (value + bias[whole.len()][lane]).clamp(0.0, SIX);
            }
        }
    }
}

/// Output column `ox` of one block of channels. One output at a time: the processor overlaps neighbouring ones by
/// itself, and the compiler keeps the sums in registers, which it does not for several.
#[inline(always)]
fn output<const K: usize, const S: usize, const FMA: bool>(
    rows: &[&[Lanes]; K],
    ox: usize,
    taps: &[Lanes],
    bias: &Lanes,
) -> Lanes {
    let mut sums = *bias;
    for (row, taps) in rows.iter().zip(taps.chunks_exact(K)) {
        for (value, tap) in row[ox * S..][..K].iter().zip(taps) {
            for lane in 0..LANES {
                sums[lane] = multiply_add::<FMA>(tap[lane], value[lane], sums[lane]);
            }
        }
    }
    sums.map(|sum| sum.clamp(0.0, SIX))
}

#[cfg(test)]
mod tests;
