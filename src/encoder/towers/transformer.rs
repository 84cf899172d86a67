use candle_core::{Device, Result as TensorResult, Tensor};
use rayon::prelude::*;

use super::TransformerConfig;
use crate::encoder::EncoderError;
use crate::encoder::ops::{AddBias, Attention, BiasActivation, Norm};
use crate::encoder::weights::Weights;

/// A stack of layers, each attention and a feed-forward network with a norm before and a residual around it.
///
/// The sequences of a batch lie packed one after another, without padding: every operation but attention works on
/// tokens, and attention is told where the sequences begin.
pub(in crate::encoder) struct Transformer {
    heads: usize,
    causal: bool,
    layers: Vec<Layer>,
}

/// How a file names the parts of a layer.
#[derive(Debug)]
pub(in crate::encoder) struct LayerNames {
    pub(in crate::encoder) attention_norm: &'static str,
    /// Weights of queries, keys and values, in one tensor or in several.
    pub(in crate::encoder) query_key_value: &'static [&'static str],
    pub(in crate::encoder) query_key_value_bias: &'static [&'static str],
    pub(in crate::encoder) attention_output: &'static str,
    pub(in crate::encoder) feed_forward_norm: &'static str,
    /// First and second product of the feed-forward network.
    pub(in crate::encoder) feed_forward: [&'static str; 2],
}

/// The names that transformers gives.
pub(in crate::encoder) static TRANSFORMERS_LAYER: LayerNames = LayerNames {
    attention_norm: "layer_norm1",
    query_key_value: &[
        "self_attn.q_proj.weight",
        "self_attn.k_proj.weight",
        "self_attn.v_proj.weight",
    ],
    query_key_value_bias: &[
        "self_attn.q_proj.bias",
        "self_attn.k_proj.bias",
        "self_attn.v_proj.bias",
    ],
    attention_output: "self_attn.out_proj",
    feed_forward_norm: "layer_norm2",
    feed_forward: ["mlp.fc1", "mlp.fc2"],
};

struct Layer {
    attention_norm: Norm,
    query_key_value: Tensor,
    query_key_value_bias: Vec<f32>,
    attention_output: Tensor,
    attention_output_bias: AddBias,
    feed_forward: FeedForward,
}

/// `x + W2 * activation(W1 * norm(x) + b1) + b2` of each row.
pub(in crate::encoder) struct FeedForward {
    norm: Norm,
    first: Tensor,
    activation: BiasActivation,
    second: Tensor,
    second_bias: AddBias,
}

impl Transformer {
    /// Reads the layers `prefix.0`, `prefix.1` and so on.
    pub(in crate::encoder) fn load(
        weights: &Weights,
        config: &TransformerConfig,
        (prefix, names): (&str, &LayerNames),
        causal: bool,
    ) -> Result<Self, EncoderError> {
        let layers = (0..config.layers)
            .into_par_iter()
            .map(|index| Layer::load(weights, config, &format!("{prefix}.{index}"), names));
        Ok(Self {
            heads: config.heads,
            causal,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// The last states `[tokens, width]` of the sequences of `lengths` that lie one after another in `states`.
    pub(in crate::encoder) fn forward(&self, mut states: Tensor, lengths: &[usize]) -> TensorResult<Tensor> {
        for layer in &self.layers {
            let attention = Attention {
                heads: self.heads,
                bias: &layer.query_key_value_bias,
                lengths,
                causal: self.causal,
            };
            states = layer.forward(&states, &attention)?;
        }
        Ok(states)
    }
}

impl Layer {
    fn load(
        weights: &Weights,
        config: &TransformerConfig,
        prefix: &str,
        names: &LayerNames,
    ) -> Result<Self, EncoderError> {
        let width = config.width;
        let name = |part: &str| format!("{prefix}.{part}");
        let prefixed = |parts: &[&str]| parts.iter().map(|part| name(part)).collect::<Vec<_>>();
        let query_key_value = prefixed(names.query_key_value);
        let query_key_value_bias = prefixed(names.query_key_value_bias);
        let rows = |tensors: &[String]| 3 * width / tensors.len();
        Ok(Self {
            attention_norm: load_norm(weights, &name(names.attention_norm), config)?,
            query_key_value: weights.stacked(&borrowed(&query_key_value), &[rows(&query_key_value), width])?,
            query_key_value_bias: weights
                .concatenated(&borrowed(&query_key_value_bias), &[rows(&query_key_value_bias)])?,
            attention_output: weights.matrix(&name(&format!("{}.weight", names.attention_output)), &[width, width])?,
            attention_output_bias: AddBias::new(
                weights.values(&name(&format!("{}.bias", names.attention_output)), &[width])?,
            ),
            feed_forward: FeedForward::load(
                weights,
                config,
                &name(names.feed_forward_norm),
                names.feed_forward.map(name).each_ref().map(String::as_str),
            )?,
        })
    }

    fn forward(&self, states: &Tensor, attention: &Attention<'_>) -> TensorResult<Tensor> {
        let context = states
            .apply_op1_no_bwd(&self.attention_norm)?
            .matmul(&self.query_key_value.t()?)?
            .apply_op1_no_bwd(attention)?;
        let attended = context.matmul(&self.attention_output.t()?)?;
        attended.inplace_op2(states, &self.attention_output_bias)?;
        self.feed_forward.forward(&attended)
    }
}

impl FeedForward {
    /// Reads the norm and the products of these names.
    pub(in crate::encoder) fn load(
        weights: &Weights,
        config: &TransformerConfig,
        norm: &str,
        [first, second]: [&str; 2],
    ) -> Result<Self, EncoderError> {
        let (width, inner) = (config.width, config.inner);
        let first_bias = weights.values(&format!("{first}.bias"), &[inner])?;
        Ok(Self {
            norm: load_norm(weights, norm, config)?,
            first: weights.matrix(&format!("{first}.weight"), &[inner, width])?,
            activation: BiasActivation::new(first_bias, config.activation),
            second: weights.matrix(&format!("{second}.weight"), &[width, inner])?,
            second_bias: AddBias::new(weights.values(&format!("{second}.bias"), &[width])?),
        })
    }

    /// Passes each row of `states` through.
    pub(in crate::encoder) fn forward(&self, states: &Tensor) -> TensorResult<Tensor> {
        let inner = states.apply_op1_no_bwd(&self.norm)?.matmul(&self.first.t()?)?;
        inner.inplace_op1(&self.activation)?;
        let output = inner.matmul(&self.second.t()?)?;
        output.inplace_op2(states, &self.second_bias)?;
        Ok(output)
    }
}

/// The last product of a tower.
pub(in crate::encoder) struct Projection {
    /// `[width, dim]`.
    pub(in crate::encoder) weight: Tensor,
    pub(in crate::encoder) bias: Option<AddBias>,
}

impl Projection {
    /// `states * weight + bias`, `[rows, dim]`.
    pub(in crate::encoder) fn forward(&self, states: &Tensor) -> TensorResult<Tensor> {
        let projected = states.matmul(&self.weight)?;
        if let Some(bias) = &self.bias {
            projected.inplace_op1(bias)?;
        }
        Ok(projected)
    }
}

/// The layer norm `name`.
pub(in crate::encoder) fn load_norm(
    weights: &Weights,
    name: &str,
    config: &TransformerConfig,
) -> Result<Norm, EncoderError> {
    let scale = weights.values(&format!("{name}.weight"), &[config.width])?;
    let shift = weights.values(&format!("{name}.bias"), &[config.width])?;
    Ok(Norm::new(scale, shift, config.epsilon)?)
}

/// Rows `indices` of a matrix.
pub(in crate::encoder) fn rows_at(matrix: &Tensor, indices: impl Iterator<Item = usize>) -> TensorResult<Tensor> {
    let indices: Vec<u32> = indices.map(|index| index as u32).collect();
    let count = indices.len();
    matrix.index_select(&Tensor::from_vec(indices, count, &Device::Cpu)?, 0)
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
