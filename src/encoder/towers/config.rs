use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::encoder::kernels::Activation;

/// The largest size that a configuration may state. Products of three of them fit in 64 bits, so that what follows from
/// a configuration can be computed before it is compared with the weights.
const LARGEST: usize = 1 << 20;

/// What both towers' transformers are made of; named as in transformers' config.json.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(in crate::encoder) struct TransformerConfig {
    /// Values of a token's state.
    #[serde(rename = "hidden_size")]
    pub(in crate::encoder) width: usize,
    /// Values between the two products of the feed-forward network.
    #[serde(rename = "intermediate_size")]
    pub(in crate::encoder) inner: usize,
    #[serde(rename = "num_hidden_layers")]
    pub(in crate::encoder) layers: usize,
    #[serde(rename = "num_attention_heads")]
    pub(in crate::encoder) heads: usize,
    #[serde(rename = "hidden_act", with = "ActivationName")]
    pub(in crate::encoder) activation: Activation,
    #[serde(rename = "layer_norm_eps")]
    pub(in crate::encoder) epsilon: f32,
}

/// What config.json calls an activation.
#[derive(Deserialize)]
#[serde(remote = "Activation")]
enum ActivationName {
    #[serde(rename = "gelu", alias = "gelu_python")]
    Gelu,
    #[serde(rename = "gelu_pytorch_tanh", alias = "gelu_new", alias = "gelu_accurate")]
    TanhGelu,
    #[serde(rename = "quick_gelu")]
    QuickGelu,
}

/// The text tower: `text_config` of config.json.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(in crate::encoder) struct TextConfig {
    #[serde(flatten)]
    pub(in crate::encoder) transformer: TransformerConfig,
    /// Number of tokens that there are.
    #[serde(rename = "vocab_size")]
    pub(in crate::encoder) vocabulary: usize,
    /// Longest text in tokens.
    #[serde(rename = "max_position_embeddings")]
    pub(in crate::encoder) longest: usize,
}

/// The image tower: `vision_config` of config.json.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(in crate::encoder) struct VisionConfig {
    #[serde(flatten)]
    pub(in crate::encoder) transformer: TransformerConfig,
    /// Side of the square input in pixels.
    #[serde(deserialize_with = "side")]
    pub(in crate::encoder) image_size: usize,
    /// Side of a square patch in pixels.
    #[serde(deserialize_with = "side")]
    pub(in crate::encoder) patch_size: usize,
}

impl TransformerConfig {
    /// Says what makes these sizes impossible, where anything does.
    fn check(&self) -> Result<(), String> {
        in_range("hidden_size", self.width)?;
        in_range("intermediate_size", self.inner)?;
        in_range("num_hidden_layers", self.layers)?;
        in_range("num_attention_heads", self.heads)?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.width, self.heads
            ));
        }
        Ok(())
    }
}

impl TextConfig {
    /// Says what makes these sizes impossible, where anything does.
    pub(in crate::encoder) fn check(&self) -> Result<(), String> {
        self.transformer.check()?;
        in_range("vocab_size", self.vocabulary)?;
        in_range("max_position_embeddings", self.longest)
    }
}

impl VisionConfig {
    /// Says what makes these sizes impossible, where anything does.
    pub(in crate::encoder) fn check(&self) -> Result<(), String> {
        self.transformer.check()?;
        in_range("image_size", self.image_size)?;
        in_range("patch_size", self.patch_size)?;
        if self.patch_size > self.image_size {
            return Err(format!(
                "patch_size {} is larger than image_size {}",
                self.patch_size, self.image_size
            ));
        }
        Ok(())
    }

    /// Patches along one side; pixels that fill none are left out at the right and the bottom.
    pub(in crate::encoder) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }
}

/// Reads the side of a square in pixels: a number, or a list of height and width.
pub(in crate::encoder) fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "a size must be a number of pixels, or a list of height and width"
    )]
    enum Size {
        Side(usize),
        Both([usize; 2]),
    }
    match Size::deserialize(deserializer)? {
        Size::Side(side) => Ok(side),
        Size::Both([height, width]) if height == width => Ok(height),
        Size::Both([height, width]) => Err(D::Error::custom(format!(
            "{height} x {width} pixels are no square; images and patches must be squares"
        ))),
    }
}

/// Says that `value`, the setting `name`, is impossible, where it is.
pub(in crate::encoder) fn in_range(name: &str, value: usize) -> Result<(), String> {
    if (1..=LARGEST).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} is {value}; 1 to {LARGEST} is possible"))
    }
}

/// The fields of `given` over those of `defaults`: transformers leaves out of config.json what equals its defaults.
pub(in crate::encoder) fn over_defaults(mut defaults: Value, given: Option<Value>) -> Value {
    match (defaults.as_object_mut(), given) {
        (Some(fields), Some(Value::Object(given))) => fields.extend(given),
        (_, None | Some(Value::Null)) => {}
        // No tower; what reads the fields says so.
        (_, Some(other)) => return other,
    }
    defaults
}
