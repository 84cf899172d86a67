use candle_core::{D, DType, Device, Result as TensorResult, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::parts::{DeviceParts, Linear, Norm};
use crate::encoder::EncoderError;
use crate::encoder::kernels::Activation;
use crate::encoder::towers::{LayerNames, TransformerConfig};

/// Tokens that go through a tower together: enough to keep a graphics processor busy, and few enough that the largest
/// models' attention fits its memory.
pub(super) const TOKENS_AT_ONCE: usize = 8192;

/// A stack of layers, each attention and a feed-forward network with a norm before and a residual around it. The
/// sequences of a batch are of one length, and their states in f32.
pub(super) struct Transformer {
    heads: usize,
    /// Whether a token attends to itself and those before it alone.
    causal: bool,
    /// What attention computes in.
    dtype: DType,
    layers: Vec<Layer>,
}

struct Layer {
    attention_norm: Norm,
    query_key_value: Linear,
    attention_output: Linear,
    feed_forward: FeedForward,
}

/// `x + W2 * activation(W1 * norm(x) + b1) + b2` of each row.
pub(in crate::encoder) struct FeedForward {
    norm: Norm,
    first: Linear,
    activation: Activation,
    second: Linear,
}

impl Transformer {
    /// Reads the layers `prefix.0`, `prefix.1` and so on.
    pub(super) fn load(
        parts: &DeviceParts<'_>,
        config: &TransformerConfig,
        (prefix, names): (&str, &LayerNames),
        causal: bool,
    ) -> Result<Self, EncoderError> {
        let layers = (0..config.layers).map(|index| Layer::load(parts, config, &format!("{prefix}.{index}"), names));
        Ok(Self {
            heads: config.heads,
            causal,
            dtype: parts.accelerator.dtype,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// The last states of `[sequences * tokens, width]`.
    pub(super) fn forward(&self, mut states: Tensor, [sequences, tokens]: [usize; 2]) -> TensorResult<Tensor> {
        let mask = self.causal.then(|| causal_mask(tokens, states.device(), self.dtype));
        let mask = mask.transpose()?;
        for layer in &self.layers {
            let normed = layer.attention_norm.forward(&states)?;
            let products = layer.query_key_value.forward(&normed)?;
            let products = heads_first(&products, [sequences, tokens, self.heads], 3)?;
            let (query, key, value) = (products.get(0)?, products.get(1)?, products.get(2)?);
            let scale = 1.0 / (query.dim(D::Minus1)? as f64).sqrt();
            let context = attend(&(query * scale)?, &key, &value, mask.as_ref())?;
            states = add(&states, &layer.attention_output.forward(&context)?)?;
            states = layer.feed_forward.forward(&states)?;
        }
        Ok(states)
    }
}

impl Layer {
    fn load(
        parts: &DeviceParts<'_>,
        config: &TransformerConfig,
        prefix: &str,
        names: &LayerNames,
    ) -> Result<Self, EncoderError> {
        let width = config.width;
        let name = |part: &str| format!("{prefix}.{part}");
        let prefixed = |parts: &[&str]| parts.iter().map(|part| name(part)).collect::<Vec<_>>();
        let (weights, biases) = (prefixed(names.query_key_value), prefixed(names.query_key_value_bias));
        let [weights, biases] = [&weights, &biases].map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(Self {
            attention_norm: parts.norm(&name(names.attention_norm), config)?,
            query_key_value: parts.linear(&weights, &biases, &[3 * width / weights.len(), width])?,
            attention_output: parts.module(&name(names.attention_output), [width, width])?,
            feed_forward: FeedForward::load(
                parts,
                config,
                &name(names.feed_forward_norm),
                names.feed_forward.map(name).each_ref().map(String::as_str),
            )?,
        })
    }
}

impl FeedForward {
    /// Reads the norm and the products of these names.
    pub(in crate::encoder) fn load(
        parts: &DeviceParts<'_>,
        config: &TransformerConfig,
        norm: &str,
        [first, second]: [&str; 2],
    ) -> Result<Self, EncoderError> {
        Ok(Self {
            norm: parts.norm(norm, config)?,
            first: parts.module(first, [config.inner, config.width])?,
            activation: config.activation,
            second: parts.module(second, [config.width, config.inner])?,
        })
    }

    /// `[rows, width]` of `[rows, width]`.
    pub(in crate::encoder) fn forward(&self, states: &Tensor) -> TensorResult<Tensor> {
        let inner = self.first.forward(&self.norm.forward(states)?)?;
        let inner = self.activation.of_tensor(&inner)?;
        add(states, &self.second.forward(&inner)?)
    }
}

/// `[sequences * tokens, count * width]` as `[count, sequences, heads, tokens, width / heads]`.
pub(in crate::encoder) fn heads_first(
    products: &Tensor,
    [sequences, tokens, heads]: [usize; 3],
    count: usize,
) -> TensorResult<Tensor> {
    let products = products.reshape((sequences, tokens, count, heads, ()))?;
    products.permute((2, 0, 3, 1, 4))?.contiguous()
}

/// What each query attends to, `[sequences * queries, width]`; the three are `[sequences, heads, queries or tokens,
/// width / heads]`, and the queries scaled. The mask is added to `[queries, tokens]`.
pub(in crate::encoder) fn attend(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    mask: Option<&Tensor>,
) -> TensorResult<Tensor> {
    let mut scores = query.matmul(&key.t()?)?;
    if let Some(mask) = mask {
        scores = scores.broadcast_add(mask)?;
    }
    let context = softmax_last_dim(&scores)?.matmul(value)?.transpose(1, 2)?;
    context.flatten_from(2)?.flatten_to(1)
}

/// `states`, in f32, and what a layer adds to them.
fn add(states: &Tensor, residual: &Tensor) -> TensorResult<Tensor> {
    states + residual.to_dtype(states.dtype())?
}

/// Minus infinity where a token (row) comes before the one it would attend to, and 0 elsewhere.
fn causal_mask(tokens: usize, device: &Device, dtype: DType) -> TensorResult<Tensor> {
    let place = |index: usize| {
        if index % tokens > index / tokens {
            f32::NEG_INFINITY
        } else {
            0.0
        }
    };
    let values: Vec<f32> = (0..tokens * tokens).map(place).collect();
    Tensor::from_vec(values, (tokens, tokens), device)?.to_dtype(dtype)
}
