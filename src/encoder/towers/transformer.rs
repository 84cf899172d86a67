use rayon::prelude::*;

use super::TransformerConfig;
use super::parts::{Compute, Parts, borrowed};
use crate::encoder::EncoderError;
use crate::encoder::kernels::{
    Activation, Activations, Attention, Buffer, Epilogue, Intermediate, KernelError, Norm, PackedMatrix, Scratch,
};

/// A stack of layers, each attention and a feed-forward network with a norm before and a residual around it.
///
/// The sequences of a batch lie packed one after another, without padding: every operation but attention works on
/// tokens, and attention is told where the sequences begin.
pub(in crate::encoder) struct Transformer {
    attention: Attention,
    layers: Vec<Layer>,
}

/// How a file names the parts of a layer.
#[derive(Debug)]
pub(in crate::encoder) struct LayerNames {
    pub(in crate::encoder) attention_norm: &'static str,
    /// Weights of queries, keys and values, in one tensor or in several.
    pub(in crate::encoder) query_key_value: &'static [&'static str],
    pub(in crate::encoder) query_key_value_bias: &'static [&'static str],
    pub(in crate::encoder) attention_output: &'static str,
    pub(in crate::encoder) feed_forward_norm: &'static str,
    /// First and second product of the feed-forward network.
    pub(in crate::encoder) feed_forward: [&'static str; 2],
}

/// The names that transformers gives.
pub(in crate::encoder) static TRANSFORMERS_LAYER: LayerNames = LayerNames {
    attention_norm: "layer_norm1",
    query_key_value: &[
        "self_attn.q_proj.weight",
        "self_attn.k_proj.weight",
        "self_attn.v_proj.weight",
    ],
    query_key_value_bias: &[
        "self_attn.q_proj.bias",
        "self_attn.k_proj.bias",
        "self_attn.v_proj.bias",
    ],
    attention_output: "self_attn.out_proj",
    feed_forward_norm: "layer_norm2",
    feed_forward: ["mlp.fc1", "mlp.fc2"],
};

struct Layer {
    compute: Compute,
    attention_norm: Norm,
    query_key_value: PackedMatrix,
    attention_output: PackedMatrix,
    feed_forward: FeedForward,
}

/// `x + W2 * activation(W1 * norm(x) + b1) + b2` of each row.
pub(in crate::encoder) struct FeedForward {
    compute: Compute,
    norm: Norm,
    first: PackedMatrix,
    activation: Activation,
    second: PackedMatrix,
}

/// Memory of a forward pass, used again by every layer.
#[derive(Default)]
pub(in crate::encoder) struct Workspace {
    pub(in crate::encoder) activations: Activations,
    pub(in crate::encoder) scratch: Scratch,
    pub(in crate::encoder) wide: Intermediate,
    pub(in crate::encoder) context: Buffer,
}

impl Workspace {
    /// Leaves in `context` what the tokens attend to whose rows, of which `query_key_value` makes queries, keys and values, are
    /// in `activations`.
    pub(in crate::encoder) fn attend(
        &mut self,
        Compute { kernels, precision }: Compute,
        attention: Attention,
        query_key_value: &PackedMatrix,
        lengths: &[usize],
    ) -> Result<(), KernelError> {
        let compute = (kernels, kernels.attention(precision));
        let input = self
            .wide
            .multiply(query_key_value, self.activations.all(), None, compute)?;
        let context = self.context.first(input.len() * query_key_value.outputs() / 3);
        attention.attend(kernels, input, lengths, context, &mut self.scratch)
    }
}

impl Transformer {
    /// Reads the layers `prefix.0`, `prefix.1` and so on.
    pub(in crate::encoder) fn load(
        parts: &Parts<'_>,
        config: &TransformerConfig,
        (prefix, names): (&str, &LayerNames),
        causal: bool,
    ) -> Result<Self, EncoderError> {
        let layers = (0..config.layers)
            .into_par_iter()
            .map(|index| Layer::load(parts, config, &format!("{prefix}.{index}"), names));
        let heads = config.heads;
        Ok(Self {
            attention: Attention { heads, causal },
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// Brings `states`, `[tokens, width]`, to the last ones: those of the sequences of `lengths`, one after another.
    pub(in crate::encoder) fn forward(
        &self,
        states: &mut [f32],
        lengths: &[usize],
        workspace: &mut Workspace,
    ) -> Result<(), KernelError> {
        for layer in &self.layers {
            layer.attend(self.attention, states, lengths, workspace)?;
            layer.finish(states, workspace)?;
        }
        Ok(())
    }

    /// As [`Transformer::forward`], for the tokens `picked` alone: `[picked, width]`. Others are not computed where
    /// nothing depends on them, which is in the last layer from its attention on.
    pub(in crate::encoder) fn forward_picked(
        &self,
        mut states: Vec<f32>,
        lengths: &[usize],
        picked: &[usize],
        workspace: &mut Workspace,
    ) -> Result<Vec<f32>, KernelError> {
        let (last, before) = match self.layers.split_last() {
            Some((last, before)) => (Some(last), before),
            None => (None, [].as_slice()),
        };
        for layer in before {
            layer.attend(self.attention, &states, lengths, workspace)?;
            layer.finish(&mut states, workspace)?;
        }
        let width = states.len() / lengths.iter().sum::<usize>().max(1);
        if let Some(layer) = last {
            layer.attend(self.attention, &states, lengths, workspace)?;
        }
        let mut result = Vec::with_capacity(picked.len() * width);
        let context = workspace.context.first(states.len());
        for (index, row) in picked.iter().map(|token| token * width).enumerate() {
            result.extend_from_slice(&states[row..][..width]);
            // A picked token is never before the place that its context goes to.
            context.copy_within(row..row + width, index * width);
        }
        if let Some(layer) = last {
            layer.finish(&mut result, workspace)?;
        }
        Ok(result)
    }
}

impl Layer {
    fn load(
        parts: &Parts<'_>,
        config: &TransformerConfig,
        prefix: &str,
        names: &LayerNames,
    ) -> Result<Self, EncoderError> {
        let width = config.width;
        let name = |part: &str| format!("{prefix}.{part}");
        let prefixed = |parts: &[&str]| parts.iter().map(|part| name(part)).collect::<Vec<_>>();
        let (weights, biases) = (prefixed(names.query_key_value), prefixed(names.query_key_value_bias));
        Ok(Self {
            compute: parts.compute,
            attention_norm: parts.norm(&name(names.attention_norm), config)?,
            query_key_value: parts.linear(
                parts.compute,
                &borrowed(&weights),
                &borrowed(&biases),
                &[3 * width / weights.len(), width],
            )?,
            attention_output: parts.modules(parts.compute, &[&name(names.attention_output)], [width, width])?,
            feed_forward: FeedForward::load(
                parts,
                config,
                &name(names.feed_forward_norm),
                names.feed_forward.map(name).each_ref().map(String::as_str),
            )?,
        })
    }

    /// Leaves what each token attends to in the workspace.
    fn attend(
        &self,
        attention: Attention,
        states: &[f32],
        lengths: &[usize],
        workspace: &mut Workspace,
    ) -> Result<(), KernelError> {
        let Compute { kernels, precision } = self.compute;
        workspace
            .activations
            .norm(kernels, precision, &self.attention_norm, states)?;
        workspace.attend(self.compute, attention, &self.query_key_value, lengths)
    }

    /// Adds to `states` what their tokens attend to, which is in the workspace, and passes them through the rest.
    fn finish(&self, states: &mut [f32], workspace: &mut Workspace) -> Result<(), KernelError> {
        let Compute { kernels, precision } = self.compute;
        let Workspace {
            activations, context, ..
        } = workspace;
        let context = context.first(states.len());
        activations.convert(kernels, precision, context, self.attention_output.depth())?;
        self.attention_output
            .multiply(activations.all(), Epilogue::Accumulate, states)?;
        self.feed_forward.forward(states, workspace)
    }
}

impl FeedForward {
    /// Reads the norm and the products of these names.
    pub(in crate::encoder) fn load(
        parts: &Parts<'_>,
        config: &TransformerConfig,
        norm: &str,
        names: [&str; 2],
    ) -> Result<Self, EncoderError> {
        let linear = |name: &str, shape: [usize; 2]| parts.modules(parts.compute, &[name], shape);
        Ok(Self {
            compute: parts.compute,
            norm: parts.norm(norm, config)?,
            first: linear(names[0], [config.inner, config.width])?,
            activation: config.activation,
            second: linear(names[1], [config.width, config.inner])?,
        })
    }

    /// Passes each row of `states` through.
    pub(in crate::encoder) fn forward(&self, states: &mut [f32], workspace: &mut Workspace) -> Result<(), KernelError> {
        let Compute { kernels, precision } = self.compute;
        let Workspace { activations, wide, .. } = workspace;
        activations.norm(kernels, precision, &self.norm, states)?;
        let inner = wide.multiply(
            &self.first,
            activations.all(),
            Some(self.activation),
            (kernels, precision),
        )?;
        self.second.multiply(inner, Epilogue::Accumulate, states)
    }
}

#[cfg(test)]
#[path = "stages.rs"]
mod stages;
