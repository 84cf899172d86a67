use serde::Deserialize;
use serde_json::{Value, json};

use super::resnet::ResNetConfig;
use crate::encoder::checkpoint::Checkpoint;
use crate::encoder::towers::{TextConfig, VisionConfig, in_range, over_defaults};
use crate::encoder::{EncoderError, Preprocess};

mod open_clip;

const CONFIG: &str = "config.json";

/// What a CLIP model is made of.
#[derive(Debug)]
pub(super) struct ClipConfig {
    /// Length of the vectors.
    pub(super) dim: usize,
    pub(super) vision: ImageTower,
    pub(super) text: TextConfig,
    pub(super) end_of_text: EndOfText,
    pub(super) preprocess: Preprocess,
}

/// The kinds of image tower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ImageTower {
    Transformer(VisionConfig),
    ResNet(ResNetConfig),
}

impl ImageTower {
    /// Side of the square input in pixels.
    pub(super) fn image_size(&self) -> usize {
        match self {
            Self::Transformer(config) => config.image_size,
            Self::ResNet(config) => config.image_size,
        }
    }

    /// Says what makes the tower's sizes impossible, where anything does.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Transformer(config) => config.check(),
            Self::ResNet(config) => config.check(),
        }
    }
}

/// Which of a text's tokens ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOfText {
    /// The first of this id.
    Id(u32),
    /// The first of the largest id, as in OpenAI's code, whose vocabulary ends with the end of text.
    LargestId,
}

impl EndOfText {
    /// Its position in `ids`; 0 where there is none, as in transformers.
    pub(super) fn position(self, ids: &[u32]) -> usize {
        let end = match self {
            Self::Id(id) => Some(id),
            Self::LargestId => ids.iter().copied().max(),
        };
        ids.iter().position(|id| Some(*id) == end).unwrap_or(0)
    }
}

/// config.json. Old files carry the towers' settings a second time, under names that end in `_dict`, and where they do,
/// transformers takes those.
#[derive(Deserialize)]
struct Transformers {
    text_config: Option<Value>,
    text_config_dict: Option<Value>,
    vision_config: Option<Value>,
    vision_config_dict: Option<Value>,
    #[serde(default = "default_dim")]
    projection_dim: usize,
}

/// The settings of the text tower that are not sizes.
#[derive(Deserialize)]
struct Tokens {
    eos_token_id: u32,
}

fn default_dim() -> usize {
    512
}

/// transformers' `CLIPTextConfig`.
fn text_defaults() -> Value {
    json!({
        "vocab_size": 49_408, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
        "num_attention_heads": 8, "max_position_embeddings": 77, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
        "eos_token_id": 49_407,
    })
}

/// transformers' `CLIPVisionConfig`.
fn vision_defaults() -> Value {
    json!({
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
        "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    })
}

impl ClipConfig {
    /// Reads config.json and preprocessor_config.json.
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, EncoderError> {
        /// Before version 4.31 transformers wrote this id whatever the tokenizer's was, and looked for the largest.
        const LEGACY_END: u32 = 2;
        let failed = |message: String| checkpoint.error(CONFIG, message);
        let config: Transformers = checkpoint.json(CONFIG)?;
        let text = over_defaults(text_defaults(), config.text_config_dict.or(config.text_config));
        let vision = over_defaults(vision_defaults(), config.vision_config_dict.or(config.vision_config));
        let wrong = |part: &str, error: serde_json::Error| failed(format!("{part}: {error}"));
        let tokens = Tokens::deserialize(&text).map_err(|error| wrong("text_config", error))?;
        let text = TextConfig::deserialize(text).map_err(|error| wrong("text_config", error))?;
        let vision = VisionConfig::deserialize(vision).map_err(|error| wrong("vision_config", error))?;
        Self {
            dim: config.projection_dim,
            vision: ImageTower::Transformer(vision),
            text,
            end_of_text: match tokens.eos_token_id {
                LEGACY_END => EndOfText::LargestId,
                id => EndOfText::Id(id),
            },
            preprocess: Preprocess::clip(vision.image_size as u32),
        }
        .checked(CONFIG, checkpoint)?
        .with_preprocessor(checkpoint)
    }

    fn checked(self, file: &str, checkpoint: &Checkpoint) -> Result<Self, EncoderError> {
        let failed = |part: &str, message: String| checkpoint.error(file, format!("{part}: {message}"));
        self.text.check().map_err(|message| failed("text tower", message))?;
        self.vision.check().map_err(|message| failed("image tower", message))?;
        in_range("length of the vectors", self.dim).map_err(|message| failed("projection", message))?;
        Ok(self)
    }

    fn with_preprocessor(self, checkpoint: &Checkpoint) -> Result<Self, EncoderError> {
        let preprocess = self.preprocess.with_config(checkpoint)?;
        Ok(Self { preprocess, ..self })
    }
}

#[cfg(test)]
mod tests;
