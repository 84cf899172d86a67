use candle_core::{Device, Result as TensorResult, Tensor};

use crate::encoder::EncoderError;
use crate::encoder::ops::{AddBias, ProbeAttention};
use crate::encoder::towers::Projection;
use crate::encoder::weights::Weights;

/// The mean of a map attends to the map's positions and to itself. What comes of it, projected, is the image's vector.
pub(super) struct AttentionPool {
    heads: usize,
    width: usize,
    /// `[1 + positions, width]`; the first is the mean's.
    positions: Vec<f32>,
    query: Tensor,
    /// Brings the query's bias and the scale of the scores.
    query_bias: AddBias,
    /// `[2 * width, width]`. The bias of the keys is not read: it moves all scores of a head alike, and so nothing.
    key_value: Tensor,
    value_bias: AddBias,
    output: Projection,
}

impl AttentionPool {
    /// Reads the pooling of maps of so many `positions`, from `width` channels to `dim` values.
    pub(super) fn load(
        weights: &Weights,
        positions: usize,
        [width, dim]: [usize; 2],
        heads: usize,
    ) -> Result<Self, EncoderError> {
        const KEY_VALUE: [&str; 2] = ["visual.attnpool.k_proj.weight", "visual.attnpool.v_proj.weight"];
        let bias = |name: &str, length: usize| weights.values(&format!("visual.attnpool.{name}.bias"), &[length]);
        // Scales the scores, in the query that they are products of.
        let scale = 1.0 / ((width / heads) as f32).sqrt();
        let scaled = |values: Vec<f32>| values.into_iter().map(|value| value * scale).collect::<Vec<_>>();
        let query = scaled(weights.values("visual.attnpool.q_proj.weight", &[width, width])?);
        Ok(Self {
            heads,
            width,
            positions: weights.values("visual.attnpool.positional_embedding", &[1 + positions, width])?,
            query: Tensor::from_vec(query, (width, width), &Device::Cpu)?,
            query_bias: AddBias::new(scaled(bias("q_proj", width)?)),
            key_value: weights.stacked(&KEY_VALUE, &[width, width])?,
            value_bias: AddBias::new(bias("v_proj", width)?),
            output: Projection {
                weight: weights.matrix("visual.attnpool.c_proj.weight", &[dim, width])?.t()?,
                bias: Some(AddBias::new(bias("c_proj", dim)?)),
            },
        })
    }

    /// The vector of one map.
    pub(super) fn forward(&self, map: &Tensor) -> TensorResult<Vec<f32>> {
        let tokens = self.tokens(&map.flatten_all()?.to_vec1()?);
        let count = tokens.len() / self.width;
        let tokens = Tensor::from_vec(tokens, (count, self.width), &Device::Cpu)?;
        let query = tokens.narrow(0, 0, 1)?.matmul(&self.query.t()?)?;
        query.inplace_op1(&self.query_bias)?;
        let attention = ProbeAttention {
            heads: self.heads,
            query: &query.flatten_all()?.to_vec1::<f32>()?,
            lengths: &[count],
        };
        let pooled = tokens.matmul(&self.key_value.t()?)?.apply_op1_no_bwd(&attention)?;
        pooled.inplace_op1(&self.value_bias)?;
        self.output.forward(&pooled)?.flatten_all()?.to_vec1()
    }

    /// The mean of a map's positions and then these, each with what tells its place.
    fn tokens(&self, map: &[f32]) -> Vec<f32> {
        let mut tokens = self.positions.clone();
        let (mean, places) = tokens.split_at_mut(self.width);
        let share = self.width as f32 / map.len() as f32;
        for (place, values) in places.chunks_exact_mut(self.width).zip(map.chunks_exact(self.width)) {
            for ((mean, place), value) in mean.iter_mut().zip(place).zip(values) {
                *mean += value * share;
                *place += value;
            }
        }
        tokens
    }
}
