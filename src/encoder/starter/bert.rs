//! The starter model's text tower, the BERT (Devlin et al., 2019) of all-MiniLM-L6-v2.
//!
//! The sequences of a batch lie packed one after another, without padding: every operation but attention works on
//! tokens, and attention is told where the sequences begin.

use rayon::prelude::*;

use super::config::TextConfig;
use crate::encoder::EncoderError;
use crate::encoder::embedding::TokenEmbedding;
use crate::encoder::kernels::{Activation, Attention, Epilogue, KernelError, Norm, PackedMatrix};
use crate::encoder::packed::PackedStore;
use crate::encoder::towers::{Compute, Parts, TransformerConfig, Workspace};
use crate::encoder::weights::Weights;

/// The encoder up to the last hidden states.
pub(super) struct Bert {
    compute: Compute,
    attention: Attention,
    embedding: TokenEmbedding,
    /// The embedding of the first segment, which every token is of.
    segment: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

/// Attention and feed-forward network, each followed by a residual and a norm.
struct Layer {
    query_key_value: PackedMatrix,
    attention_output: PackedMatrix,
    attention_norm: Norm,
    intermediate: PackedMatrix,
    output: PackedMatrix,
    output_norm: Norm,
}

impl Bert {
    /// Reads the tower from text.safetensors; the word embeddings are only located.
    pub(super) fn load(
        weights: &Weights,
        config: &TextConfig,
        compute: Compute,
        packed: &PackedStore,
    ) -> Result<Self, EncoderError> {
        let hidden = config.hidden_size;
        let parts = Parts {
            weights,
            compute,
            packed,
        };
        let mut segment = weights.values("embeddings.token_type_embeddings.weight", &[2, hidden])?;
        segment.truncate(hidden);
        let sizes = TransformerConfig {
            width: hidden,
            inner: config.intermediate_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            activation: Activation::Gelu,
            epsilon: config.layer_norm_eps,
        };
        let layers = (0..sizes.layers)
            .into_par_iter()
            .map(|index| Layer::load(&parts, index, &sizes));
        Ok(Self {
            compute,
            attention: Attention {
                heads: sizes.heads,
                causal: false,
            },
            embedding: TokenEmbedding::load(
                weights,
                ("embeddings.word_embeddings.weight", config.vocab_size),
                ("embeddings.position_embeddings.weight", config.max_position_embeddings),
                hidden,
            )?,
            segment,
            norm: parts.norm("embeddings.LayerNorm", &sizes)?,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// Hidden states `[tokens, hidden]` of `tokens`, the token ids of sequences of `lengths` one after another.
    ///
    /// # Errors
    /// Those of [`TokenEmbedding::embed`].
    pub(super) fn forward(&self, tokens: &[u32], lengths: &[usize]) -> Result<Vec<f32>, EncoderError> {
        let mut embedded = self.embedding.embed(tokens, lengths)?;
        for row in embedded.chunks_exact_mut(self.segment.len()) {
            row.iter_mut().zip(&self.segment).for_each(|(sum, value)| *sum += value);
        }
        let mut states = vec![0.0; embedded.len()];
        self.norm.apply(self.compute.kernels, &embedded, &mut states)?;
        let mut workspace = Workspace::default();
        for layer in &self.layers {
            layer.forward(self, &mut states, lengths, &mut workspace)?;
        }
        Ok(states)
    }
}

impl Layer {
    fn load(parts: &Parts<'_>, index: usize, sizes: &TransformerConfig) -> Result<Self, EncoderError> {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let linear = |names: &[&str], shape: [usize; 2]| {
            let modules: Vec<String> = names.iter().map(|part| name(part)).collect();
            let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
            parts.modules(parts.compute, &modules, shape)
        };
        let attention = ["attention.self.query", "attention.self.key", "attention.self.value"];
        let (width, inner) = (sizes.width, sizes.inner);
        Ok(Self {
            query_key_value: linear(&attention, [width, width])?,
            attention_output: linear(&["attention.output.dense"], [width, width])?,
            attention_norm: parts.norm(&name("attention.output.LayerNorm"), sizes)?,
            intermediate: linear(&["intermediate.dense"], [inner, width])?,
            output: linear(&["output.dense"], [width, inner])?,
            output_norm: parts.norm(&name("output.LayerNorm"), sizes)?,
        })
    }

    fn forward(
        &self,
        bert: &Bert,
        states: &mut [f32],
        lengths: &[usize],
        workspace: &mut Workspace,
    ) -> Result<(), KernelError> {
        let Compute { kernels, precision } = bert.compute;
        let width = self.query_key_value.depth();
        workspace.activations.convert(kernels, precision, states, width)?;
        workspace.attend(bert.compute, bert.attention, &self.query_key_value, lengths)?;
        let Workspace {
            activations,
            wide,
            context,
            ..
        } = workspace;
        let context = context.first(states.len());
        activations.convert(kernels, precision, context, width)?;
        self.attention_output
            .multiply(activations.all(), Epilogue::Accumulate, states)?;
        context.copy_from_slice(states);
        self.attention_norm.apply(kernels, context, states)?;

        activations.convert(kernels, precision, states, width)?;
        let inner = wide.multiply(
            &self.intermediate,
            activations.all(),
            Some(Activation::Gelu),
            (kernels, precision),
        )?;
        self.output.multiply(inner, Epilogue::Accumulate, states)?;
        context.copy_from_slice(states);
        self.output_norm.apply(kernels, context, states)
    }
}
