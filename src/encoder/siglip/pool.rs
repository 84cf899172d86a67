use candle_core::{Result as TensorResult, Tensor};

use crate::encoder::EncoderError;
use crate::encoder::ops::{AddBias, Norm, ProbeAttention};
use crate::encoder::towers::{FeedForward, Pool, TransformerConfig, load_norm};
use crate::encoder::weights::Weights;

/// SigLIP's attention-pooling head: a learned query, the probe, attends to an image's normalised last states, and a
/// feed-forward network with a residual follows (Zhai et al., Scaling Vision Transformers, 2022).
pub(super) struct ProbePool {
    heads: usize,
    tokens: usize,
    norm: Norm,
    /// The probe as attention's query; the same for all images, so computed once.
    query: Vec<f32>,
    /// `[2 * width, width]`.
    key_value: Tensor,
    value_bias: AddBias,
    output: Tensor,
    output_bias: AddBias,
    feed_forward: FeedForward,
}

impl ProbePool {
    /// Reads the head; an image has `tokens` states.
    pub(super) fn load(weights: &Weights, config: &TransformerConfig, tokens: usize) -> Result<Self, EncoderError> {
        let (width, heads) = (config.width, config.heads);
        let probe = weights.matrix("vision_model.head.probe", &[1, 1, width])?;
        let products = weights.matrix("vision_model.head.attention.in_proj_weight", &[3 * width, width])?;
        let mut bias = weights.values("vision_model.head.attention.in_proj_bias", &[3 * width])?;
        let projected = probe
            .matmul(&products.narrow(0, 0, width)?.t()?)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let scale = 1.0 / ((width / heads) as f32).sqrt();
        let query = projected.iter().zip(&bias).map(|(value, bias)| (value + bias) * scale);
        Ok(Self {
            heads,
            tokens,
            norm: load_norm(weights, "vision_model.post_layernorm", config)?,
            query: query.collect(),
            key_value: products.narrow(0, width, 2 * width)?,
            value_bias: AddBias::new(bias.split_off(2 * width)),
            output: weights.matrix("vision_model.head.attention.out_proj.weight", &[width, width])?,
            output_bias: AddBias::new(weights.values("vision_model.head.attention.out_proj.bias", &[width])?),
            feed_forward: FeedForward::load(
                weights,
                config,
                "vision_model.head.layernorm",
                ["vision_model.head.mlp.fc1", "vision_model.head.mlp.fc2"],
            )?,
        })
    }
}

impl Pool for ProbePool {
    fn pool(&self, states: &Tensor, images: usize) -> TensorResult<Tensor> {
        let attention = ProbeAttention {
            heads: self.heads,
            query: &self.query,
            lengths: &vec![self.tokens; images],
        };
        let pooled = states
            .apply_op1_no_bwd(&self.norm)?
            .matmul(&self.key_value.t()?)?
            .apply_op1_no_bwd(&attention)?;
        pooled.inplace_op1(&self.value_bias)?;
        let output = pooled.matmul(&self.output.t()?)?;
        output.inplace_op1(&self.output_bias)?;
        self.feed_forward.forward(&output)
    }
}
