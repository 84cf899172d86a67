//! What towers are made of, read from a model's weights onto a device.

use candle_core::{Result as TensorResult, Shape, Tensor};
use candle_nn::ops;

use super::Accelerator;
use crate::encoder::EncoderError;
use crate::encoder::kernels::Activation;
use crate::encoder::towers::TransformerConfig;
use crate::encoder::weights::Weights;

/// Reads the parts of a tower.
pub(in crate::encoder) struct DeviceParts<'a> {
    pub(in crate::encoder) weights: &'a Weights,
    pub(in crate::encoder) accelerator: &'a Accelerator,
}

/// Products of rows with a matrix, and a bias, in the type that the tower computes in.
pub(in crate::encoder) struct Linear {
    /// `[depth, outputs]`, in whichever order it lies in memory.
    matrix: Tensor,
    bias: Option<Tensor>,
}

/// A layer norm (Ba et al., 2016), in f32 as the states that go from layer to layer are: in bf16 their sums would lose more
/// than all products together.
pub(in crate::encoder) struct Norm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f32,
}

/// The end of a tower: a norm and the product that makes vectors of states, which is in f32 too.
pub(in crate::encoder) struct Projection {
    pub(in crate::encoder) norm: Norm,
    pub(in crate::encoder) matrix: Linear,
}

impl DeviceParts<'_> {
    /// These values as a tensor in the type that the tower computes in.
    pub(in crate::encoder) fn tensor(&self, values: Vec<f32>, shape: impl Into<Shape>) -> TensorResult<Tensor> {
        self.exact_tensor(values, shape)?.to_dtype(self.accelerator.dtype)
    }

    /// These values as a tensor in f32.
    pub(in crate::encoder) fn exact_tensor(&self, values: Vec<f32>, shape: impl Into<Shape>) -> TensorResult<Tensor> {
        let shape: Shape = shape.into();
        Tensor::from_vec(values, shape, &self.accelerator.tensors)
    }

    /// The linear layer of `weights`, tensors of `shape` one below another, and `biases`, one vector a tensor or none.
    pub(in crate::encoder) fn linear(
        &self,
        weights: &[&str],
        biases: &[&str],
        shape: &[usize],
    ) -> Result<Linear, EncoderError> {
        let rows = shape.first().copied().unwrap_or(1);
        let size = (rows * weights.len(), shape.iter().skip(1).product());
        let values = self.weights.concatenated(weights, shape)?;
        self.layer(values, size, self.weights.concatenated(biases, &[rows])?)
    }

    /// The linear layer of the tensors `name.weight` and `name.bias`.
    pub(in crate::encoder) fn module(&self, name: &str, shape: [usize; 2]) -> Result<Linear, EncoderError> {
        self.linear(&[&format!("{name}.weight")], &[&format!("{name}.bias")], &shape)
    }

    /// The linear layer of the rows from `first` on of a matrix of `shape` and of its bias.
    pub(in crate::encoder) fn linear_below(
        &self,
        weights: &str,
        bias: &str,
        shape: [usize; 2],
        first: usize,
    ) -> Result<Linear, EncoderError> {
        let [outputs, depth] = shape;
        let values = self.weights.values(weights, &shape)?.split_off(first * depth);
        let bias = self.weights.values(bias, &[outputs])?.split_off(first);
        self.layer(values, (outputs - first, depth), bias)
    }

    /// The linear layer without bias whose weights are stored the other way round, `[depth, outputs]`.
    pub(in crate::encoder) fn transposed(&self, weights: &str, shape: [usize; 2]) -> Result<Linear, EncoderError> {
        let matrix = self.tensor(self.weights.values(weights, &shape)?, (shape[0], shape[1]))?;
        Ok(Linear { matrix, bias: None })
    }

    fn layer(&self, values: Vec<f32>, size: (usize, usize), bias: Vec<f32>) -> Result<Linear, EncoderError> {
        let outputs = bias.len();
        let bias = (outputs > 0).then(|| self.tensor(bias, outputs));
        Ok(Linear {
            matrix: self.tensor(values, size)?.t()?,
            bias: bias.transpose()?,
        })
    }

    /// The layer norm `name`.
    pub(in crate::encoder) fn norm(&self, name: &str, config: &TransformerConfig) -> Result<Norm, EncoderError> {
        let part = |part: &str| {
            let values = self.weights.values(&format!("{name}.{part}"), &[config.width])?;
            Ok::<_, EncoderError>(self.exact_tensor(values, config.width)?)
        };
        Ok(Norm {
            scale: part("weight")?,
            shift: part("bias")?,
            epsilon: config.epsilon,
        })
    }
}

impl Linear {
    /// `[rows, outputs]` in the tower's type, of `[rows, depth]` in any.
    pub(in crate::encoder) fn forward(&self, rows: &Tensor) -> TensorResult<Tensor> {
        let product = rows.to_dtype(self.matrix.dtype())?.matmul(&self.matrix)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

impl Norm {
    /// Each row of `[rows, width]` with a mean of 0 and a deviation of 1, scaled and shifted.
    pub(in crate::encoder) fn forward(&self, rows: &Tensor) -> TensorResult<Tensor> {
        ops::layer_norm(&rows.contiguous()?, &self.scale, &self.shift, self.epsilon)
    }
}

impl Projection {
    /// Vectors `[rows, dim]`, of any length, of states `[rows, width]`.
    pub(in crate::encoder) fn forward(&self, states: &Tensor) -> TensorResult<Tensor> {
        self.matrix.forward(&self.norm.forward(states)?)
    }
}

impl Activation {
    /// The activation of each value.
    pub(super) fn of_tensor(self, values: &Tensor) -> TensorResult<Tensor> {
        match self {
            Self::Gelu => values.gelu_erf(),
            Self::TanhGelu => values.gelu(),
            Self::Relu6 => values.clamp(0f32, 6f32),
            Self::QuickGelu => values * ops::sigmoid(&(values * 1.702)?)?,
        }
    }
}
