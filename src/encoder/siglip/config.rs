use serde::Deserialize;
use serde_json::{Value, json};

use crate::encoder::checkpoint::Checkpoint;
use crate::encoder::tokenizer::TextTokenizer;
use crate::encoder::towers::{TextConfig, VisionConfig, over_defaults};
use crate::encoder::{EncoderError, Preprocess};

const CONFIG: &str = "config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// What a SigLIP model is made of. Its vectors are as long as the image tower's states.
#[derive(Debug)]
pub(super) struct SiglipConfig {
    pub(super) vision: VisionConfig,
    pub(super) text: TextConfig,
    pub(super) preprocess: Preprocess,
    /// Whether texts lose their punctuation before they are tokenized.
    pub(super) canonical_text: bool,
    pad_token: Option<String>,
    pad_id: u32,
}

/// config.json.
#[derive(Deserialize)]
struct Transformers {
    text_config: Option<Value>,
    vision_config: Option<Value>,
}

/// The settings of the text tower that are not common to all families.
#[derive(Deserialize)]
struct Text {
    pad_token_id: u32,
    /// Length of the vectors; as `hidden_size` where it is not stated.
    projection_size: Option<usize>,
}

/// The setting of the image tower that is not common to all families.
#[derive(Deserialize)]
struct Vision {
    vision_use_head: bool,
}

/// tokenizer_config.json, as far as tokenizer.json does not say it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    tokenizer_class: Option<String>,
    pad_token: Option<Token>,
}

/// A token, in the two forms that transformers writes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Plain(String),
    Described { content: String },
}

/// transformers' `SiglipTextConfig`.
fn text_defaults() -> Value {
    json!({
        "vocab_size": 32_000, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "max_position_embeddings": 64, "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6, "pad_token_id": 1,
    })
}

/// transformers' `SiglipVisionConfig`.
fn vision_defaults() -> Value {
    json!({
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
        "image_size": 224, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6,
        "vision_use_head": true,
    })
}

impl SiglipConfig {
    /// Reads config.json, preprocessor_config.json and tokenizer_config.json.
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, EncoderError> {
        let config: Transformers = checkpoint.json(CONFIG)?;
        let text = over_defaults(text_defaults(), config.text_config);
        let vision = over_defaults(vision_defaults(), config.vision_config);
        let failed = |part: &str, message: String| checkpoint.error(CONFIG, format!("{part}: {message}"));
        let wrong = |part: &'static str| move |error: serde_json::Error| failed(part, error.to_string());
        let more_text = Text::deserialize(&text).map_err(wrong("text_config"))?;
        let more_vision = Vision::deserialize(&vision).map_err(wrong("vision_config"))?;
        let text = TextConfig::deserialize(text).map_err(wrong("text_config"))?;
        let vision = VisionConfig::deserialize(vision).map_err(wrong("vision_config"))?;
        text.check().map_err(|message| failed("text_config", message))?;
        vision.check().map_err(|message| failed("vision_config", message))?;
        let dim = more_text.projection_size.unwrap_or(text.transformer.width);
        if dim != vision.transformer.width {
            let message = format!(
                "texts become vectors of {dim} values and images of {}",
                vision.transformer.width
            );
            return Err(failed("projection_size", message));
        }
        if !more_vision.vision_use_head {
            let message = "images without attention pooling have no vectors".to_owned();
            return Err(failed("vision_use_head", message));
        }
        let tokenizer: TokenizerConfig = checkpoint.optional_json(TOKENIZER_CONFIG)?.unwrap_or_default();
        Ok(Self {
            vision,
            text,
            preprocess: Preprocess::siglip(vision.image_size as u32).with_config(checkpoint)?,
            canonical_text: tokenizer
                .tokenizer_class
                .is_some_and(|class| class.starts_with("SiglipTokenizer")),
            pad_token: tokenizer.pad_token.map(|token| match token {
                Token::Plain(content) | Token::Described { content } => content,
            }),
            pad_id: more_text.pad_token_id,
        })
    }

    /// The id that fills texts up: that of the tokenizer's padding token where it is named, since SigLIP 2's config.json
    /// leaves SigLIP's in place.
    pub(super) fn pad(&self, tokenizer: &TextTokenizer) -> u32 {
        let named = self.pad_token.as_deref().and_then(|token| tokenizer.id_of(token));
        named.unwrap_or(self.pad_id)
    }
}
