//! The starter model's text tower, the BERT (Devlin et al., 2019) of all-MiniLM-L6-v2.
//!
//! The sequences of a batch lie packed one after another, without padding: every operation but attention works on
//! tokens, and attention is told where the sequences begin.

use candle_core::{Device, Result as TensorResult, Tensor};
use rayon::prelude::*;

use super::config::TextConfig;
use crate::encoder::EncoderError;
use crate::encoder::embedding::TokenEmbedding;
use crate::encoder::ops::{Activation, Attention, BiasActivation, BiasNorm};
use crate::encoder::weights::Weights;

/// The encoder up to the last hidden states.
pub(super) struct Bert {
    hidden: usize,
    heads: usize,
    embedding: TokenEmbedding,
    norm: BiasNorm,
    layers: Vec<Layer>,
}

/// Attention and feed-forward network, each followed by a residual and a norm. The norms carry the bias of the product
/// before them.
struct Layer {
    query_key_value: Tensor,
    query_key_value_bias: Vec<f32>,
    attention_output: Tensor,
    attention_norm: BiasNorm,
    intermediate: Tensor,
    gelu: BiasActivation,
    output: Tensor,
    output_norm: BiasNorm,
}

impl Bert {
    /// Reads the tower from text.safetensors; the word embeddings are only located.
    pub(super) fn load(weights: &Weights, config: &TextConfig) -> Result<Self, EncoderError> {
        let hidden = config.hidden_size;
        // Every token is of the first segment, so that segment's embedding is the same bias for all of them.
        let mut segment = weights.values("embeddings.token_type_embeddings.weight", &[2, hidden])?;
        segment.truncate(hidden);
        let layers = (0..config.num_hidden_layers)
            .into_par_iter()
            .map(|index| Layer::load(weights, index, config));
        Ok(Self {
            hidden,
            heads: config.num_attention_heads,
            embedding: TokenEmbedding::load(
                weights,
                ("embeddings.word_embeddings.weight", config.vocab_size),
                ("embeddings.position_embeddings.weight", config.max_position_embeddings),
                hidden,
            )?,
            norm: layer_norm(weights, "embeddings.LayerNorm", segment, config)?,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// Hidden states `[tokens, hidden]` of `tokens`, the token ids of sequences of `lengths` one after another; `None`
    /// where an id or a position is outside the model.
    pub(super) fn forward(&self, tokens: &[u32], lengths: &[usize]) -> TensorResult<Option<Tensor>> {
        let Some(embedded) = self.embedding.embed(tokens, lengths) else {
            return Ok(None);
        };
        let mut states = Tensor::from_vec(embedded, (tokens.len(), self.hidden), &Device::Cpu)?;
        states.inplace_op1(&self.norm)?;
        for layer in &self.layers {
            states = layer.forward(&states, self.heads, lengths)?;
        }
        Ok(Some(states))
    }
}

impl Layer {
    fn load(weights: &Weights, index: usize, config: &TextConfig) -> Result<Self, EncoderError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let attention = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}.weight")));
        let attention_bias = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}.bias")));
        let dense_norm = |dense: &str, norm: &str| {
            layer_norm(weights, &name(norm), weights.values(&name(dense), &[hidden])?, config)
        };
        Ok(Self {
            query_key_value: weights.stacked(&attention.each_ref().map(String::as_str), &[hidden, hidden])?,
            query_key_value_bias: weights.concatenated(&attention_bias.each_ref().map(String::as_str), &[hidden])?,
            attention_output: weights.matrix(&name("attention.output.dense.weight"), &[hidden, hidden])?,
            attention_norm: dense_norm("attention.output.dense.bias", "attention.output.LayerNorm")?,
            intermediate: weights.matrix(&name("intermediate.dense.weight"), &[inner, hidden])?,
            gelu: BiasActivation::new(
                weights.values(&name("intermediate.dense.bias"), &[inner])?,
                Activation::Gelu,
            ),
            output: weights.matrix(&name("output.dense.weight"), &[hidden, inner])?,
            output_norm: dense_norm("output.dense.bias", "output.LayerNorm")?,
        })
    }

    fn forward(&self, states: &Tensor, heads: usize, lengths: &[usize]) -> TensorResult<Tensor> {
        let attention = Attention {
            heads,
            bias: &self.query_key_value_bias,
            lengths,
            causal: false,
        };
        let context = states
            .matmul(&self.query_key_value.t()?)?
            .apply_op1_no_bwd(&attention)?;
        let attended = context.matmul(&self.attention_output.t()?)?;
        attended.inplace_op2(states, &self.attention_norm)?;
        let inner = attended.matmul(&self.intermediate.t()?)?;
        inner.inplace_op1(&self.gelu)?;
        let output = inner.matmul(&self.output.t()?)?;
        output.inplace_op2(&attended, &self.output_norm)?;
        Ok(output)
    }
}

/// Layer norm `name` after a product whose bias is `bias`.
fn layer_norm(weights: &Weights, name: &str, bias: Vec<f32>, config: &TextConfig) -> Result<BiasNorm, EncoderError> {
    let scale = weights.values(&format!("{name}.weight"), &[config.hidden_size])?;
    let shift = weights.values(&format!("{name}.bias"), &[config.hidden_size])?;
    Ok(BiasNorm::new(bias, scale, shift, config.layer_norm_eps)?)
}
