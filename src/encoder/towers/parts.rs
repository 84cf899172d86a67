use super::TransformerConfig;
use crate::encoder::EncoderError;
use crate::encoder::kernels::{Kernels, Norm, PackedMatrix, Precision};
use crate::encoder::packed::PackedStore;
use crate::encoder::weights::Weights;

/// How a tower computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::encoder) struct Compute {
    pub(in crate::encoder) kernels: Kernels,
    pub(in crate::encoder) precision: Precision,
}

impl Compute {
    /// For the first product of an image tower, whose inputs are pixels: integers would lose too much of them.
    pub(in crate::encoder) fn of_pixels(self) -> Self {
        let precision = match self.precision {
            Precision::Int8 => Precision::Bf16,
            other => other,
        };
        Self { precision, ..self }
    }

    /// For a tower whose inputs have many tokens each.
    pub(in crate::encoder) fn of_many_tokens(self) -> Self {
        let precision = self.kernels.of_many_tokens(self.precision);
        Self { precision, ..self }
    }

    /// For a tower whose inputs have few tokens and come alone: it waits for weights.
    pub(in crate::encoder) fn of_few_tokens(self) -> Self {
        let precision = match self.precision {
            Precision::F32 => Precision::FixedF32,
            other => other,
        };
        Self { precision, ..self }
    }

    /// For a product that is a thousandth of the work.
    pub(in crate::encoder) fn exact(self) -> Self {
        let precision = Precision::F32;
        Self { precision, ..self }
    }
}

impl Default for Compute {
    /// As the weights are, with the best that this processor has.
    fn default() -> Self {
        Self {
            kernels: Kernels::best(),
            precision: Precision::F32,
        }
    }
}

/// Reads the parts of a tower from a model's weights.
pub(in crate::encoder) struct Parts<'a> {
    pub(in crate::encoder) weights: &'a Weights,
    pub(in crate::encoder) compute: Compute,
    pub(in crate::encoder) packed: &'a PackedStore,
}

impl Parts<'_> {
    /// The linear layer of `weights`, tensors of `shape` one below another, and `biases`, one vector a tensor or none.
    pub(in crate::encoder) fn linear(
        &self,
        compute: Compute,
        weights: &[&str],
        biases: &[&str],
        shape: &[usize],
    ) -> Result<PackedMatrix, EncoderError> {
        let rows = shape.first().copied().unwrap_or(1);
        let size = (rows * weights.len(), shape.iter().skip(1).product());
        self.packed.matrix(&weights.join("+"), compute, size, || {
            let values = self.weights.concatenated(weights, shape)?;
            let biases = self.weights.concatenated(biases, &[rows])?;
            pack(compute, &values, &biases, size)
        })
    }

    /// The linear layer of several modules of `shape`, one below another, each of tensors `weight` and `bias`.
    pub(in crate::encoder) fn modules(
        &self,
        compute: Compute,
        modules: &[&str],
        shape: [usize; 2],
    ) -> Result<PackedMatrix, EncoderError> {
        let [weights, biases] = ["weight", "bias"].map(|part| {
            let tensors = modules.iter().map(|module| format!("{module}.{part}"));
            tensors.collect::<Vec<_>>()
        });
        self.linear(compute, &borrowed(&weights), &borrowed(&biases), &shape)
    }

    /// The linear layer of the rows from `first` on of a matrix of `shape` and of its bias.
    pub(in crate::encoder) fn linear_below(
        &self,
        weights: &str,
        bias: &str,
        shape: [usize; 2],
        first: usize,
    ) -> Result<PackedMatrix, EncoderError> {
        let [outputs, depth] = shape;
        let size = (outputs.saturating_sub(first), depth);
        self.packed.matrix(weights, self.compute, size, || {
            let values = self.weights.values(weights, &shape)?.split_off(first * depth);
            let bias = self.weights.values(bias, &[outputs])?.split_off(first);
            pack(self.compute, &values, &bias, size)
        })
    }

    /// The linear layer without bias whose weights are stored the other way round, `[depth, outputs]`.
    pub(in crate::encoder) fn transposed(
        &self,
        compute: Compute,
        weights: &str,
        (outputs, depth): (usize, usize),
    ) -> Result<PackedMatrix, EncoderError> {
        self.packed.matrix(weights, compute, (outputs, depth), || {
            let stored = self.weights.values(weights, &[depth, outputs])?;
            let mut values = vec![0.0; stored.len()];
            for (row, stored) in stored.chunks_exact(outputs).enumerate() {
                for (output, value) in stored.iter().enumerate() {
                    values[output * depth + row] = *value;
                }
            }
            pack(compute, &values, &[], (outputs, depth))
        })
    }

    /// The layer norm `name`.
    pub(in crate::encoder) fn norm(&self, name: &str, config: &TransformerConfig) -> Result<Norm, EncoderError> {
        let scale = self.weights.values(&format!("{name}.weight"), &[config.width])?;
        let shift = self.weights.values(&format!("{name}.bias"), &[config.width])?;
        Ok(Norm::new(scale, shift, config.epsilon)?)
    }
}

fn pack(compute: Compute, values: &[f32], biases: &[f32], size: (usize, usize)) -> Result<PackedMatrix, EncoderError> {
    let biases = (!biases.is_empty()).then_some(biases);
    let Compute { kernels, precision } = compute;
    Ok(PackedMatrix::pack(kernels, precision, values, size, biases)?)
}

/// The names as slices.
pub(super) fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
