use candle_core::{D, Result as TensorResult, Tensor};

use super::config::ImageConfig;
use crate::encoder::EncoderError;
use crate::encoder::weights::Weights;

/// Pooled features to the embedding space: the class probabilities weigh the classes' text embeddings (ConSE: Norouzi
/// et al., ICLR 2014).
pub(super) struct ConceptBridge {
    classifier: Tensor,
    classifier_bias: Tensor,
    concepts: Tensor,
    temperature: f64,
}

impl ConceptBridge {
    /// Reads classifier and concepts from image.safetensors; `dim` is the length of the embeddings.
    pub(super) fn load(weights: &Weights, config: &ImageConfig, dim: usize) -> Result<Self, EncoderError> {
        Ok(Self {
            classifier: weights.matrix("classifier.weight", &[config.classes, config.head_channels])?,
            classifier_bias: weights.vector("classifier.bias", config.classes)?,
            concepts: weights.matrix("concepts", &[config.classes, dim])?,
            temperature: config.temperature,
        })
    }

    /// Features `[images, head_channels]` to embeddings `[images, dim]`, not of unit length yet.
    pub(super) fn forward(&self, features: &Tensor) -> TensorResult<Tensor> {
        let logits = (product(features, &self.classifier)?.broadcast_add(&self.classifier_bias)? / self.temperature)?;
        let exponentials = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?.exp()?;
        let probabilities = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        probabilities.matmul(&self.concepts)
    }
}

/// `x` `[rows, in]` times `weight` `[out, in]` transposed.
fn product(x: &Tensor, weight: &Tensor) -> TensorResult<Tensor> {
    x.matmul(&weight.t()?)
}
