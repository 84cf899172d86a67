use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::resnet::ResNetConfig;
use super::{ClipConfig, EndOfText, ImageTower};
use crate::encoder::checkpoint::Checkpoint;
use crate::encoder::kernels::Activation;
use crate::encoder::towers::{TextConfig, TransformerConfig, VisionConfig, side};
use crate::encoder::{EncoderError, Filter, Fit, Preprocess};

const CONFIG: &str = "open_clip_config.json";

impl ClipConfig {
    /// Reads open_clip_config.json.
    pub(in crate::encoder::clip) fn read_open_clip(checkpoint: &Checkpoint) -> Result<Self, EncoderError> {
        let config: OpenClip = checkpoint.json(CONFIG)?;
        let model = config.model_cfg;
        let activation = if model.quick_gelu {
            Activation::QuickGelu
        } else {
            Activation::Gelu
        };
        let transformer = |width: usize, layers: usize, heads: usize, ratio: f64| TransformerConfig {
            width,
            inner: (width as f64 * ratio) as usize,
            layers,
            heads,
            activation,
            epsilon: 1e-5,
        };
        let wrong = |tower: &str, error: serde_json::Error| checkpoint.error(CONFIG, format!("{tower}: {error}"));
        let vision = without_defaults(model.vision_cfg, &vision_defaults());
        let vision = OpenClipVision::deserialize(vision).map_err(|error| wrong("vision_cfg", error))?;
        let text = without_defaults(model.text_cfg, &text_defaults());
        let text = OpenClipText::deserialize(text).map_err(|error| wrong("text_cfg", error))?;
        let size = vision.image_size;
        let mut preprocess = Preprocess::clip(size as u32);
        if let Some(given) = config.preprocess_cfg {
            preprocess.mean = given.mean.unwrap_or(preprocess.mean);
            preprocess.std = given.std.unwrap_or(preprocess.std);
            preprocess.filter = given.interpolation;
            if given.resize_mode == ResizeMode::Squash {
                preprocess.fit = Fit::Squash;
            }
        }
        let vision = match vision.layers {
            OpenClipLayers::Transformer(layers) => {
                let heads = vision.width / vision.head_width.max(1);
                let patch_size = vision.patch_size.ok_or_else(|| {
                    let message = "vision_cfg: patch_size is missing; a Vision Transformer has one";
                    checkpoint.error(CONFIG, message.to_owned())
                })?;
                ImageTower::Transformer(VisionConfig {
                    transformer: transformer(vision.width, layers, heads, vision.mlp_ratio),
                    image_size: size,
                    patch_size,
                })
            }
            OpenClipLayers::ResNet(blocks) => ImageTower::ResNet(ResNetConfig {
                image_size: size,
                width: vision.width,
                blocks,
                head_width: vision.head_width,
            }),
        };
        Self {
            dim: model.embed_dim,
            vision,
            text: TextConfig {
                transformer: transformer(text.width, text.layers, text.heads, text.mlp_ratio),
                vocabulary: text.vocab_size,
                longest: text.context_length,
            },
            end_of_text: EndOfText::LargestId,
            preprocess,
        }
        .checked(CONFIG, checkpoint)
    }
}

/// open_clip_config.json of a model whose towers are open_clip's own.
#[derive(Deserialize)]
struct OpenClip {
    model_cfg: OpenClipModel,
    preprocess_cfg: Option<OpenClipPreprocess>,
}

#[derive(Deserialize)]
struct OpenClipModel {
    embed_dim: usize,
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: Value,
    text_cfg: Value,
}

/// A tower's settings, but for those that are as by default. What is not known here might change what the tower computes,
/// and is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenClipVision {
    #[serde(deserialize_with = "side")]
    image_size: usize,
    layers: OpenClipLayers,
    width: usize,
    /// Of a Vision Transformer alone; ResNets' files say null.
    patch_size: Option<usize>,
    #[serde(default = "default_head_width")]
    head_width: usize,
    #[serde(default = "default_ratio")]
    mlp_ratio: f64,
    /// Of training alone.
    #[serde(rename = "patch_dropout")]
    _patch_dropout: Option<f64>,
}

/// What the layers are tells which tower it is.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "layers must be the number of a Vision Transformer's layers, or the four numbers of a ResNet's blocks"
)]
enum OpenClipLayers {
    Transformer(usize),
    ResNet([usize; 4]),
}

/// As [`OpenClipVision`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenClipText {
    context_length: usize,
    vocab_size: usize,
    width: usize,
    heads: usize,
    layers: usize,
    #[serde(default = "default_ratio")]
    mlp_ratio: f64,
}

#[derive(Deserialize)]
struct OpenClipPreprocess {
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    #[serde(default)]
    interpolation: Filter,
    #[serde(default)]
    resize_mode: ResizeMode,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum ResizeMode {
    #[default]
    Shortest,
    Squash,
}

fn default_head_width() -> usize {
    64
}

fn default_ratio() -> f64 {
    4.0
}

/// What open_clip's `CLIPVisionCfg` says where a file does not, of settings of which no other value can be run.
fn vision_defaults() -> Value {
    json!({
        "no_ln_pre": false, "pos_embed_type": "learnable", "final_ln_after_pool": false, "pool_type": "tok",
        "output_tokens": false, "global_average_pool": false, "input_patchnorm": false, "attentional_pool": false,
        "attn_pooler_queries": 256, "attn_pooler_heads": 8, "qk_norm": false, "scaled_cosine_attn": false,
        "scale_heads": false, "scale_attn_inner": false, "scale_attn": false, "scale_fc": false,
        "timm_model_pretrained": false, "timm_pool": "avg", "timm_proj": "linear", "timm_proj_bias": false,
        "timm_drop": 0,
    })
}

/// As [`vision_defaults`], of `CLIPTextCfg`.
fn text_defaults() -> Value {
    json!({
        "embed_cls": false, "pad_id": 0, "eos_id": 2, "no_causal_mask": false, "final_ln_after_pool": false,
        "pool_type": "argmax", "proj_bias": false, "proj_type": "linear", "output_tokens": false, "qk_norm": false,
        "scaled_cosine_attn": false, "scale_heads": false, "scale_attn_inner": false, "scale_attn": false,
        "scale_fc": false, "hf_model_pretrained": true, "hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler",
    })
}

/// The settings of `given` that are neither empty nor as in `defaults`.
fn without_defaults(mut given: Value, defaults: &Value) -> Value {
    let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    // 0 and 0.0 are the same number, and not the same value of JSON.
    let same = |default: &Value, value: &Value| match default.as_f64() {
        Some(number) => value.as_f64() == Some(number),
        None => value == default,
    };
    if let Some(settings) = given.as_object_mut() {
        let default = |name: &str, value: &Value| defaults.get(name).is_some_and(|default| same(default, value));
        settings.retain(|name, value| !empty(value) && !default(name, value));
    }
    given
}
