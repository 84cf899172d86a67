use candle_core::{Device, Result as TensorResult, Tensor};

use crate::encoder::EncoderError;
use crate::encoder::ops::{BiasRelu, Windows};
use crate::encoder::weights::Weights;

/// Side of the window of a [`Dense`] convolution.
const SIDE: usize = 3;
/// Values of the windows that are unfolded at once, 2 MiB: enough to make each product efficient, and little beside the
/// windows of a whole map, of which the widest models' first have over 100 MiB.
const BAND: usize = 1 << 19;

/// A convolution without bias and the batch norm after it (Ioffe and Szegedy, 2015), folded into one convolution: once
/// trained, the norm is a factor and a summand a channel.
pub(super) struct Folded {
    /// `[out, side * side * in]`, in the order `[y, x, in]`.
    pub(super) weight: Tensor,
    pub(super) bias: Vec<f32>,
}

/// A 1x1 convolution and relu.
pub(super) struct Pointwise {
    weight: Tensor,
    relu: BiasRelu,
}

/// A 3x3 convolution, around whose input lie zeros, and relu.
pub(super) struct Dense {
    stride: usize,
    weight: Tensor,
    relu: BiasRelu,
}

impl Folded {
    /// Reads a convolution and a norm by their names; the convolution's windows are squares of `side`.
    pub(super) fn load(
        weights: &Weights,
        (convolution, norm): (&str, &str),
        [out, input, side]: [usize; 3],
    ) -> Result<Self, EncoderError> {
        /// What PyTorch adds to the variance.
        const EPSILON: f32 = 1e-5;
        let stored = weights.values(&format!("{convolution}.weight"), &[out, input, side, side])?;
        let statistic = |part: &str| weights.values(&format!("{norm}.{part}"), &[out]);
        let (mean, variance) = (statistic("running_mean")?, statistic("running_var")?);
        let (mut factor, mut bias) = (statistic("weight")?, statistic("bias")?);
        for ((factor, variance), (bias, mean)) in factor.iter_mut().zip(variance).zip(bias.iter_mut().zip(mean)) {
            *factor /= (variance + EPSILON).sqrt();
            *bias -= mean * *factor;
        }
        let mut weight = Vec::with_capacity(stored.len());
        let positions = side * side;
        for (stored, factor) in stored.chunks_exact(input * positions).zip(factor) {
            for position in 0..positions {
                let channels = stored.iter().skip(position).step_by(positions);
                weight.extend(channels.map(|value| value * factor));
            }
        }
        Ok(Self {
            weight: Tensor::from_vec(weight, (out, input * positions), &Device::Cpu)?,
            bias,
        })
    }
}

impl Pointwise {
    pub(super) fn load(weights: &Weights, names: (&str, &str), [out, input]: [usize; 2]) -> Result<Self, EncoderError> {
        let folded = Folded::load(weights, names, [out, input, 1])?;
        Ok(Self {
            weight: folded.weight,
            relu: BiasRelu::new(folded.bias),
        })
    }

    /// `[height, width, in]` to `[height, width, out]`.
    pub(super) fn forward(&self, map: &Tensor) -> TensorResult<Tensor> {
        let output = product(map, &self.weight)?;
        output.inplace_op1(&self.relu)?;
        Ok(output)
    }
}

impl Dense {
    pub(super) fn load(
        weights: &Weights,
        names: (&str, &str),
        [out, input]: [usize; 2],
        stride: usize,
    ) -> Result<Self, EncoderError> {
        let folded = Folded::load(weights, names, [out, input, SIDE])?;
        Ok(Self {
            stride,
            weight: folded.weight,
            relu: BiasRelu::new(folded.bias),
        })
    }

    /// `[height, width, in]` to `[height / stride, width / stride, out]`, rounded up.
    pub(super) fn forward(&self, map: &Tensor) -> TensorResult<Tensor> {
        let (height, width, channels) = map.dims3()?;
        let [height, width] = [height, width].map(|length| Windows::along(length, self.stride));
        let rows_at_once = (BAND / (width * SIDE * SIDE * channels)).max(1);
        let mut bands = Vec::with_capacity(height.div_ceil(rows_at_once));
        for first in (0..height).step_by(rows_at_once) {
            let windows = Windows {
                stride: self.stride,
                rows: first..height.min(first + rows_at_once),
            };
            let band = map.apply_op1_no_bwd(&windows)?.matmul(&self.weight.t()?)?;
            band.inplace_op1(&self.relu)?;
            bands.push(band);
        }
        Tensor::cat(&bands, 0)?.reshape((height, width, ()))
    }
}

/// The 1x1 convolution of `[height, width, in]` with `weight` `[out, in]`, without its bias.
pub(super) fn product(map: &Tensor, weight: &Tensor) -> TensorResult<Tensor> {
    let (height, width, _) = map.dims3()?;
    map.flatten_to(1)?.matmul(&weight.t()?)?.reshape((height, width, ()))
}
