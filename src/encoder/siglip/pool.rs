use crate::encoder::EncoderError;
use crate::encoder::kernels::{Epilogue, KernelError, Norm, PackedMatrix, ProbeAttention};
use crate::encoder::towers::{Compute, FeedForward, Parts, Pool, TransformerConfig, Workspace};
use crate::encoder::weights::Weights;

pub(super) const LAST_NORM: &str = "vision_model.post_layernorm";
/// Attention's products for queries, keys and values, one below another.
pub(super) const PRODUCTS: &str = "vision_model.head.attention.in_proj_weight";
pub(super) const PRODUCTS_BIAS: &str = "vision_model.head.attention.in_proj_bias";
pub(super) const OUTPUT: &str = "vision_model.head.attention.out_proj";
pub(super) const FEED_FORWARD_NORM: &str = "vision_model.head.layernorm";
pub(super) const FEED_FORWARD: [&str; 2] = ["vision_model.head.mlp.fc1", "vision_model.head.mlp.fc2"];

/// SigLIP's attention-pooling head: a learned query, the probe, attends to an image's normalised last states, and a
/// feed-forward network with a residual follows (Zhai et al., Scaling Vision Transformers, 2022).
pub(super) struct ProbePool {
    compute: Compute,
    heads: usize,
    tokens: usize,
    norm: Norm,
    /// What [`probe_query`] gives; the same for all images, so computed once.
    query: Vec<f32>,
    /// Outputs `2 * width`.
    key_value: PackedMatrix,
    output: PackedMatrix,
    feed_forward: FeedForward,
}

impl ProbePool {
    /// Reads the head; an image has `tokens` states.
    pub(super) fn load(parts: &Parts<'_>, config: &TransformerConfig, tokens: usize) -> Result<Self, EncoderError> {
        let (width, heads) = (config.width, config.heads);
        Ok(Self {
            compute: parts.compute,
            heads,
            tokens,
            norm: parts.norm(LAST_NORM, config)?,
            query: probe_query(parts.weights, config)?,
            key_value: parts.linear_below(PRODUCTS, PRODUCTS_BIAS, [3 * width, width], width)?,
            output: parts.modules(parts.compute, &[OUTPUT], [width, width])?,
            feed_forward: FeedForward::load(parts, config, FEED_FORWARD_NORM, FEED_FORWARD)?,
        })
    }
}

/// The probe as attention's query, scaled.
pub(super) fn probe_query(weights: &Weights, config: &TransformerConfig) -> Result<Vec<f32>, EncoderError> {
    let width = config.width;
    let probe = weights.values("vision_model.head.probe", &[1, 1, width])?;
    let products = weights.values(PRODUCTS, &[3 * width, width])?;
    let bias = weights.values(PRODUCTS_BIAS, &[3 * width])?;
    let scale = 1.0 / ((width / config.heads) as f32).sqrt();
    let rows = products.chunks_exact(width).take(width).zip(&bias);
    let query = rows.map(|(row, bias)| {
        let sum: f32 = row.iter().zip(&probe).map(|(weight, value)| weight * value).sum();
        (sum + bias) * scale
    });
    Ok(query.collect())
}

impl Pool for ProbePool {
    const TOKEN: Option<usize> = None;

    fn pool(&self, states: &[f32], images: usize, workspace: &mut Workspace) -> Result<Vec<f32>, KernelError> {
        let Compute { kernels, precision } = self.compute;
        let Workspace {
            activations,
            scratch,
            wide,
            ..
        } = workspace;
        let keys_values = wide.first(2 * states.len());
        activations.norm(kernels, precision, &self.norm, states)?;
        self.key_value
            .multiply(activations.all(), Epilogue::Store, keys_values)?;
        let attention = ProbeAttention {
            heads: self.heads,
            query: &self.query,
        };
        let width = self.query.len();
        let mut pooled = vec![0.0; images * width];
        attention.attend(kernels, keys_values, &vec![self.tokens; images], &mut pooled, scratch)?;
        activations.convert(kernels, precision, &pooled, width)?;
        self.output.multiply(activations.all(), Epilogue::Store, &mut pooled)?;
        self.feed_forward.forward(&mut pooled, workspace)?;
        Ok(pooled)
    }
}
