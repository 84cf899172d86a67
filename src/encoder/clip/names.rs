//! How the two programs that save CLIP models name its tensors.

use crate::encoder::towers::{LayerNames, TRANSFORMERS_LAYER, TextNames, VisionNames};

/// Names of a model's tensors.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) vision: VisionNames,
    pub(super) image_norm: &'static str,
    pub(super) image_projection: &'static str,
    pub(super) text: TextNames,
    pub(super) text_projection: &'static str,
    /// Whether the projections are stored `[width, dim]` and not, as a linear layer, `[dim, width]`.
    pub(super) projections_transposed: bool,
}

/// transformers' `CLIPModel`; "layrnorm" is how it is spelt there.
pub(super) static TRANSFORMERS: Names = Names {
    vision: VisionNames {
        class: Some("vision_model.embeddings.class_embedding"),
        patches: "vision_model.embeddings.patch_embedding.weight",
        patches_bias: None,
        positions: "vision_model.embeddings.position_embedding.weight",
        first_norm: Some("vision_model.pre_layrnorm"),
        layers: "vision_model.encoder.layers",
        layer: &TRANSFORMERS_LAYER,
    },
    image_norm: "vision_model.post_layernorm",
    image_projection: "visual_projection.weight",
    text: TextNames {
        words: "text_model.embeddings.token_embedding.weight",
        positions: "text_model.embeddings.position_embedding.weight",
        layers: "text_model.encoder.layers",
        layer: &TRANSFORMERS_LAYER,
        last_norm: "text_model.final_layer_norm",
    },
    text_projection: "text_projection.weight",
    projections_transposed: false,
};

/// open_clip's `CLIP`, which names as OpenAI's first code did.
pub(super) static OPEN_CLIP: Names = Names {
    vision: VisionNames {
        class: Some("visual.class_embedding"),
        patches: "visual.conv1.weight",
        patches_bias: None,
        positions: "visual.positional_embedding",
        first_norm: Some("visual.ln_pre"),
        layers: "visual.transformer.resblocks",
        layer: &OPEN_CLIP_LAYER,
    },
    image_norm: "visual.ln_post",
    image_projection: "visual.proj",
    text: TextNames {
        words: "token_embedding.weight",
        positions: "positional_embedding",
        layers: "transformer.resblocks",
        layer: &OPEN_CLIP_LAYER,
        last_norm: "ln_final",
    },
    text_projection: "text_projection",
    projections_transposed: true,
};

static OPEN_CLIP_LAYER: LayerNames = LayerNames {
    attention_norm: "ln_1",
    query_key_value: &["attn.in_proj_weight"],
    query_key_value_bias: &["attn.in_proj_bias"],
    attention_output: "attn.out_proj",
    feed_forward_norm: "ln_2",
    feed_forward: ["mlp.c_fc", "mlp.c_proj"],
};
