use serde::Deserialize;

use crate::encoder::EncoderError;

/// models/starter/config.json, as far as it steers the program; models/starter/README.md explains it.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    /// Length of the embeddings.
    pub(super) dim: usize,
    /// Turns a cosine into a softmax logit.
    pub(super) logit_scale: f32,
    pub(super) image: ImageConfig,
    pub(super) text: TextConfig,
}

/// The image tower, an EfficientNet-Lite.
#[derive(Debug, Deserialize)]
pub(super) struct ImageConfig {
    /// Side of the input in pixels.
    pub(super) size: usize,
    /// What the shorter side of a photograph is resized to before the crop, in pixels.
    pub(super) resize: u32,
    /// Mean of the pixel values, of 0 to 255.
    pub(super) mean: f32,
    /// Standard deviation of the pixel values, of 0 to 255.
    pub(super) std: f32,
    pub(super) stem: StemConfig,
    pub(super) blocks: Vec<BlockConfig>,
    pub(super) head_channels: usize,
    pub(super) classes: usize,
    /// Divides the logits before the softmax over the classes.
    pub(super) temperature: f64,
}

/// The first, dense convolution.
#[derive(Debug, Deserialize)]
pub(super) struct StemConfig {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) out_channels: usize,
}

/// One inverted residual block: expand (1x1), depthwise, project (1x1).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct BlockConfig {
    /// Side of the depthwise convolution's kernel.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// Whether there is a 1x1 convolution before the depthwise one.
    pub(super) expand: bool,
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// Whether the block's input is added to its output.
    pub(super) skip: bool,
}

/// The text tower, a BERT.
#[derive(Debug, Deserialize)]
pub(super) struct TextConfig {
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) vocab_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) layer_norm_eps: f32,
    /// Longest text in tokens, [CLS] and [SEP] included.
    pub(super) max_tokens: usize,
}

impl Config {
    /// Reads config.json.
    pub(super) fn parse(json: &[u8]) -> Result<Self, EncoderError> {
        serde_json::from_slice(json).map_err(|error| EncoderError::Weights {
            model: super::NAME.to_owned(),
            message: format!("config.json: {error}"),
        })
    }
}
