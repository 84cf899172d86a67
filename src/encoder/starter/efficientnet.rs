//! The starter model's image tower, EfficientNet-Lite2 (Tan and Le, 2019), and the bridge from its classes to text.
//!
//! Activations lie in memory as `[height, width, channels]`: a 1x1 convolution is then a plain matrix product, and a
//! depthwise convolution runs over neighbouring channels, whatever its stride.

use candle_core::{D, Result as TensorResult, Tensor};

use super::config::{BlockConfig, ImageConfig};
use crate::encoder::EncoderError;
use crate::encoder::ops::{AddBias, Depthwise, DepthwiseWeights, MeanRelu6, Patches};
use crate::encoder::weights::Weights;

/// Channels of a photograph.
const RGB: usize = 3;

/// The convolutional network up to the pooled features.
pub(super) struct EfficientNet {
    patches: Patches,
    stem: Tensor,
    blocks: Vec<Block>,
    head: Tensor,
    pool: MeanRelu6,
}

/// An inverted residual block (Sandler et al., MobileNetV2, 2018). The bias and activation of its first convolution are
/// applied by the depthwise one, which reads its output.
struct Block {
    expand: Option<Tensor>,
    depthwise: Depthwise,
    project: Tensor,
    project_bias: AddBias,
    skip: bool,
}

/// Pooled features to the embedding space: the class probabilities weigh the classes' text embeddings (ConSE: Norouzi
/// et al., ICLR 2014).
pub(super) struct ConceptBridge {
    classifier: Tensor,
    classifier_bias: Tensor,
    concepts: Tensor,
    temperature: f64,
}

impl EfficientNet {
    /// Reads the tower from image.safetensors.
    pub(super) fn load(weights: &Weights, config: &ImageConfig) -> Result<Self, EncoderError> {
        let stem = &config.stem;
        let stem_shape = [stem.out_channels, RGB, stem.kernel, stem.kernel];
        let mut blocks = Vec::with_capacity(config.blocks.len());
        let mut channels = stem.out_channels;
        for (index, block) in config.blocks.iter().enumerate() {
            if block.in_channels != channels || (index > 0 && !block.expand) {
                return Err(weights.error(format!("config.json: block {index} does not fit the one before it")));
            }
            blocks.push(Block::load(weights, index, block)?);
            channels = block.out_channels;
        }
        Ok(Self {
            patches: Patches {
                kernel: stem.kernel,
                stride: stem.stride,
            },
            stem: weights.matrix("stem.weight", &stem_shape)?,
            blocks,
            head: weights.matrix("head.weight", &[config.head_channels, channels, 1, 1])?,
            pool: MeanRelu6::new(weights.values("head.bias", &[config.head_channels])?),
        })
    }

    /// Features `[1, head_channels]` of one image `[3, size, size]`.
    pub(super) fn features(&self, image: &Tensor) -> TensorResult<Tensor> {
        let side = image.dim(D::Minus1)?.div_ceil(self.patches.stride);
        let stem = product(&image.apply_op1_no_bwd(&self.patches)?, &self.stem)?;
        let mut activations = stem.reshape((side, (), stem.dim(1)?))?;
        for block in &self.blocks {
            activations = block.forward(&activations)?;
        }
        product(&activations.flatten_to(1)?, &self.head)?.apply_op1_no_bwd(&self.pool)
    }
}

impl Block {
    fn load(weights: &Weights, index: usize, config: &BlockConfig) -> Result<Self, EncoderError> {
        let name = |part: &str| format!("blocks.{index}.{part}");
        let depthwise_bias_name = name("depthwise.bias");
        let channels = weights.length(&depthwise_bias_name)?;
        let (expand, input_bias) = if config.expand {
            let expand = weights.matrix(&name("expand.weight"), &[channels, config.in_channels, 1, 1])?;
            (Some(expand), weights.values(&name("expand.bias"), &[channels])?)
        } else {
            // The stem's bias and activation are still to be applied.
            (None, weights.values("stem.bias", &[channels])?)
        };
        let kernel = config.kernel;
        let depthwise = DepthwiseWeights::new(
            &weights.values(&name("depthwise.weight"), &[channels, 1, kernel, kernel])?,
            &input_bias,
            &weights.values(&depthwise_bias_name, &[channels])?,
        )?;
        Ok(Self {
            expand,
            depthwise: Depthwise::new(kernel, config.stride, depthwise)?,
            project: weights.matrix(&name("project.weight"), &[config.out_channels, channels, 1, 1])?,
            project_bias: AddBias::new(weights.values(&name("project.bias"), &[config.out_channels])?),
            skip: config.skip,
        })
    }

    /// `[height, width, in_channels]` to `[ceil(height / stride), ceil(width / stride), out_channels]`.
    fn forward(&self, input: &Tensor) -> TensorResult<Tensor> {
        let expanded = match &self.expand {
            Some(expand) => pointwise(input, expand)?,
            None => input.clone(),
        };
        let output = pointwise(&expanded.apply_op1_no_bwd(&self.depthwise)?, &self.project)?;
        if self.skip {
            output.inplace_op2(input, &self.project_bias)?;
        } else {
            output.inplace_op1(&self.project_bias)?;
        }
        Ok(output)
    }
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

/// The 1x1 convolution of `[height, width, in]` with `weight` `[out, in]`, without its bias.
fn pointwise(x: &Tensor, weight: &Tensor) -> TensorResult<Tensor> {
    let (height, width, _) = x.dims3()?;
    product(&x.flatten_to(1)?, weight)?.reshape((height, width, ()))
}
